# MOE_STATIC: every library of LLVM and MLIR as an archive. Archives are named by
# their files, since the targets of Debian's packages lead to libLLVM.so.

# Other linkers would need the archives in order, and repeated.
if(NOT MOE_LLD OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "MOE_STATIC needs clang and ld.lld-22; tools/setup installs them")
endif()
foreach(library zstd z)
  find_library(MOE_${library}_ARCHIVE NAMES lib${library}.a)
  if(NOT MOE_${library}_ARCHIVE)
    message(FATAL_ERROR "MOE_STATIC needs lib${library}.a; tools/setup --developer installs it")
  endif()
endforeach()

file(GLOB moe_archives CONFIGURE_DEPENDS
  "${LLVM_LIBRARY_DIR}/libMLIR*.a" "${LLVM_LIBRARY_DIR}/libLLVM*.a")
list(FILTER moe_archives EXCLUDE REGEX "Test|CAPI")

add_library(MoEArchives INTERFACE)
target_link_libraries(MoEArchives INTERFACE ${moe_archives}
  "${MOE_zstd_ARCHIVE}" "${MOE_z_ARCHIVE}" ${CMAKE_DL_LIBS})
target_link_options(MoEArchives INTERFACE
  -static-libstdc++ -static-libgcc LINKER:--gc-sections LINKER:--as-needed)
install(TARGETS MoEArchives EXPORT MoETargets)

# Debian's LLVM has every target, and some pass of MLIR initializes each. A function
# that does nothing keeps the archives of those that nothing is compiled for out.
set(moe_text "// Targets of LLVM that are left out.\n")
foreach(target ${LLVM_TARGETS_TO_BUILD})
  if(NOT target MATCHES "^(X86|NVPTX)$")
    foreach(part Target TargetInfo TargetMC AsmPrinter AsmParser Disassembler)
      string(APPEND moe_text "extern \"C\" void LLVMInitialize${target}${part}() {}\n")
    endforeach()
  endif()
endforeach()
set(MOE_TOOL_SOURCES "${PROJECT_BINARY_DIR}/lib/NoTargets.cpp")
file(CONFIGURE OUTPUT "${MOE_TOOL_SOURCES}" CONTENT "${moe_text}" @ONLY)

# libomp has no archive: it travels beside the tools.
set(CMAKE_BUILD_RPATH "$ORIGIN/../lib")
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
