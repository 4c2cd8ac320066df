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

# libomp has no archive: it travels beside the tools.
set(CMAKE_BUILD_RPATH "$ORIGIN/../lib")
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
