//===- TensorSpec.cpp - Where a tensor comes from or goes to --------------===//
//
// Part of the MoE project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "moe/Import/TensorSpec.h"

#include "moe/Import/SafeTensors.h"
#include "moe/Tensor/Literal.h"
#include "moe/Tensor/Npy.h"
#include "moe/Tensor/Npz.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::moe;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;

//===----------------------------------------------------------------------===//
// Specs
//===----------------------------------------------------------------------===//

Expected<TensorSpec> mlir::moe::parseTensorSpec(StringRef spec) {
  TensorSpec result;
  StringRef path = spec;
  if (!path.consume_front("@")) {
    result.kind = TensorSpec::Kind::Literal;
    return result;
  }
  using Kind = TensorSpec::Kind;
  for (auto [ending, kind] :
       {std::pair(".npy", Kind::Npy), std::pair(".npz", Kind::Npz),
        std::pair(".safetensors", Kind::SafeTensors)}) {
    // Both a directory's name and a key may have brackets.
    size_t bracket = path.find(std::string(ending) + "[");
    bool hasKey = path.ends_with("]") && bracket != StringRef::npos;
    if (!hasKey && !path.ends_with(ending))
      continue;
    result.kind = kind;
    result.path = path.str();
    if (!hasKey)
      return result;
    auto [name, key] = path.drop_back().split(std::string(ending) + "[");
    result.path = name.str() + ending;
    result.key = key.str();
    if (key.empty())
      return createStringError(quote(spec) + ": empty key in brackets");
    if (kind == Kind::Npy)
      return createStringError(quote(spec) +
                               ": an npy file holds one tensor, without a key");
    return result;
  }
  return createStringError(quote(spec) + ": expected a file name in .npy, " +
                           ".npz or .safetensors");
}

Expected<TensorSpec> mlir::moe::parseOutputSpec(StringRef spec) {
  Expected<TensorSpec> result = parseTensorSpec(spec);
  if (!result)
    return result;
  switch (result->kind) {
  case TensorSpec::Kind::Literal:
    return createStringError("output " + quote(spec) +
                             ": expected @FILE.npy or @FILE.safetensors[KEY]");
  case TensorSpec::Kind::Npz:
    return createStringError("output " + quote(spec) +
                             ": npz is only read; use .safetensors[KEY]");
  case TensorSpec::Kind::SafeTensors:
    if (result->key.empty())
      return createStringError("output " + quote(spec) +
                               ": expected a key in brackets");
    if (result->key == "__metadata__")
      return createStringError("output " + quote(spec) +
                               ": the key is reserved in safetensors files");
    return result;
  case TensorSpec::Kind::Npy:
    return result;
  }
  llvm_unreachable("all kinds handled");
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static Expected<HostTensor> readFromSafeTensors(const TensorSpec &spec,
                                                int64_t maxBytes) {
  Expected<InputFile> file = InputFile::open(spec.path);
  if (!file)
    return file.takeError();
  Expected<SafeTensorsHeader> header = readSafeTensorsHeader(*file);
  if (!header)
    return header.takeError();
  if (!spec.key.empty()) {
    if (const SafeTensorsEntry *entry = header->lookup(spec.key))
      return readSafeTensor(*file, *entry, maxBytes);
    return createStringError(Twine(spec.path) + ": holds no tensor " +
                             quote(spec.key));
  }
  if (header->tensors.size() != 1)
    return createStringError(Twine(spec.path) + ": holds " +
                             Twine(header->tensors.size()) +
                             " tensors, name one in brackets");
  return readSafeTensor(*file, header->tensors.front(), maxBytes);
}

Expected<HostTensor> mlir::moe::readTensor(StringRef spec, int64_t maxBytes) {
  Expected<TensorSpec> parsed = parseTensorSpec(spec);
  if (!parsed)
    return parsed.takeError();
  if (parsed->kind == TensorSpec::Kind::Literal)
    return parseLiteral(spec, maxBytes);
  if (parsed->kind == TensorSpec::Kind::SafeTensors)
    return readFromSafeTensors(*parsed, maxBytes);
  // A header of at most 10240 bytes comes on top of an npy file's data.
  int64_t limit = maxBytes > INT64_MAX - 10240 ? maxBytes : maxBytes + 10240;
  Expected<std::unique_ptr<llvm::MemoryBuffer>> buffer = readFile(
      parsed->path, parsed->kind == TensorSpec::Kind::Npy ? limit : INT64_MAX);
  if (!buffer)
    return buffer.takeError();
  if (parsed->kind == TensorSpec::Kind::Npy)
    return readNpy((*buffer)->getBuffer(), parsed->path, maxBytes);
  return readNpz((*buffer)->getBuffer(), parsed->key, parsed->path, maxBytes);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

Error TensorWriter::add(StringRef spec, const HostTensor &tensor) {
  Expected<TensorSpec> parsed = parseOutputSpec(spec);
  if (!parsed)
    return parsed.takeError();
  if (parsed->kind == TensorSpec::Kind::Npy)
    if (Error failed = checkNpyType(tensor.elementType()))
      return createStringError("output " + quote(spec) + ": " +
                               llvm::toString(std::move(failed)));
  auto same = llvm::find_if(files, [&](const File &file) {
    return sameFile(file.path, parsed->path);
  });
  if (same == files.end()) {
    files.push_back({parsed->kind, parsed->path, {}});
    same = std::prev(files.end());
  } else if (parsed->kind != TensorSpec::Kind::SafeTensors ||
             same->kind != parsed->kind) {
    return createStringError("output " + quote(spec) +
                             ": another output goes to the same file");
  }
  if (llvm::is_contained(llvm::make_first_range(same->tensors), parsed->key))
    return createStringError("output " + quote(spec) +
                             ": another output has the same key");
  same->tensors.emplace_back(parsed->key, &tensor);
  return Error::success();
}

Error TensorWriter::write(OutputFiles &output) {
  for (const File &file : files) {
    auto print = [&](raw_ostream &os) {
      return file.kind == TensorSpec::Kind::Npy
                 ? writeNpy(os, *file.tensors.front().second)
                 : writeSafeTensors(os, file.tensors);
    };
    if (Error failed = output.add(file.path, print))
      return failed;
  }
  files.clear();
  return Error::success();
}

Error mlir::moe::writeTensor(StringRef spec, const HostTensor &tensor) {
  TensorWriter writer;
  if (Error failed = writer.add(spec, tensor))
    return failed;
  OutputFiles files;
  if (Error failed = writer.write(files))
    return failed;
  return files.commit();
}
