# Fails if HEADER, compiled with INCLUDE, leads COMPILER to a header of a foreign library.
execute_process(COMMAND "${COMPILER}" -std=c++20 -x c++ "-I${INCLUDE}" -M "${HEADER}"
                OUTPUT_VARIABLE read RESULT_VARIABLE result)
if(result)
  message(FATAL_ERROR "a header of retinue::retinue needs more than the standard library: see above")
endif()
string(REPLACE "${INCLUDE}/" "" read "${read}")
if(NOT read MATCHES "retinue/suppress.hpp")
  message(FATAL_ERROR "${HEADER} does not include retinue/suppress.hpp")
endif()
string(REGEX MATCH "[^ \n]*/((eigen3|Eigen|opencv[^/ ]*|torch|ATen|c10|nlohmann|CLI)/|(pugixml|zlib)[.]h)[^ \n]*" foreign
             "${read}")
if(foreign)
  message(FATAL_ERROR "a header of retinue::retinue reads ${foreign}, but that room is std only")
endif()
