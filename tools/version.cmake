# Writes OUT, a header with the version and the commit, if they have changed.
#   cmake -DSOURCE=... -DVERSION=... -DOUT=... -P version.cmake
cmake_minimum_required(VERSION 3.20)
execute_process(COMMAND git -C "${SOURCE}" rev-parse --short=12 HEAD
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT commit)
  set(commit "no commit")
endif()
file(CONFIGURE OUTPUT "${OUT}"
  CONTENT "#define MOE_VERSION \"@VERSION@\"\n#define MOE_COMMIT \"@commit@\"\n" @ONLY)
