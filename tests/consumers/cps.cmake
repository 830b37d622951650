# cmake -DSOURCE=... -DWORK=... -DCOMPILER=... -P cps.cmake
# Installs retinue with its CPS files, takes CMake's own package away, and builds a consumer.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE trouble)
  if(status)
    message(FATAL_ERROR "${ARGN} ended with ${status}\n${said}\n${trouble}")
  endif()
endfunction()

file(REMOVE_RECURSE "${WORK}")
set(prefix "${WORK}/prefix")
run("${CMAKE_COMMAND}" -G Ninja "-DCMAKE_CXX_COMPILER=${COMPILER}" -S "${SOURCE}" -B "${WORK}/retinue"
    -DRETINUE_BUILD_TESTS=OFF -DRETINUE_BUILD_EXAMPLES=OFF -DRETINUE_INSTALL_CPS=ON)
run("${CMAKE_COMMAND}" --install "${WORK}/retinue" --prefix "${prefix}")
file(REMOVE_RECURSE "${prefix}/share/cmake")
run("${CMAKE_COMMAND}" -G Ninja "-DCMAKE_CXX_COMPILER=${COMPILER}" -S
    "${SOURCE}/tests/consumers/find_package" -B "${WORK}/consumer" "-DCMAKE_PREFIX_PATH=${prefix}")
run("${CMAKE_COMMAND}" --build "${WORK}/consumer")
run("${WORK}/consumer/consumer")
