# retinue::module is `import retinue;`: the core as a C++20 module, where the compiler and the
# generator can build it. It is built only if somebody links it.
if(CMAKE_VERSION VERSION_LESS 3.28 OR NOT CMAKE_GENERATOR MATCHES "Ninja")
  set(why "CMake 3.28 and Ninja")
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND NOT CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  if(NOT CMAKE_CXX_COMPILER_CLANG_SCAN_DEPS)
    set(why "clang-scan-deps")
  endif()
elseif(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  set(why "g++ 14 or clang 19")
endif()
if(why)
  set(RETINUE_NO_MODULE "${why}")
  return()
endif()

add_library(retinue_module STATIC EXCLUDE_FROM_ALL)
add_library(retinue::module ALIAS retinue_module)
target_sources(
  retinue_module PUBLIC FILE_SET CXX_MODULES BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES
                        "${PROJECT_SOURCE_DIR}/include/retinue/retinue.cppm")
target_link_libraries(retinue_module PUBLIC retinue)
target_compile_features(retinue_module PUBLIC cxx_std_20)
set_target_properties(retinue_module PROPERTIES CXX_EXTENSIONS OFF CXX_SCAN_FOR_MODULES ON)
