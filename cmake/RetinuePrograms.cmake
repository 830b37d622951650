# What our own tests, examples and benchmarks are compiled with. None of it reaches a user's target.

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo" FORCE)
endif()

# A precompiled header defines macros and carries a time stamp: ccache must be told that both are fine.
find_program(RETINUE_CCACHE ccache)
mark_as_advanced(RETINUE_CCACHE)
if(PROJECT_IS_TOP_LEVEL AND RETINUE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      "${RETINUE_CCACHE}")
endif()

add_library(retinue_program_flags INTERFACE)
target_compile_options(retinue_program_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Float-to-double and size conversions in third-party macros; g++ is the stricter judge here.
  target_compile_options(retinue_program_flags INTERFACE -Wno-sign-conversion
                                                         -Wno-implicit-int-float-conversion)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 17)
    # libstdc++ 12's own stable_sort calls what it has deprecated.
    target_compile_options(retinue_program_flags INTERFACE -Wno-deprecated-declarations)
  endif()
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # g++ 12 sees overflows in std::string's own operator+ (its bugs 105329, 105651), and unset
  # variables in its own AVX-512 intrinsics (105593).
  target_compile_options(retinue_program_flags INTERFACE -Wno-stringop-overflow -Wno-restrict
                                                         -Wno-array-bounds -Wno-maybe-uninitialized)
endif()
# g++ 13 and later see copies beyond the only word of a std::vector<bool> in LibTorch's own
# Function::apply, when they optimize it in full.
set(torch_program_flags)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  set(torch_program_flags -Wno-array-bounds -Wno-stringop-overflow)
endif()
if(RETINUE_WERROR)
  target_compile_options(retinue_program_flags INTERFACE -Werror)
endif()
if(RETINUE_MORE_SCHEMAS)
  get_filename_component(more_schemas "${RETINUE_MORE_SCHEMAS}" ABSOLUTE)
  if(NOT EXISTS "${more_schemas}")
    message(FATAL_ERROR "RETINUE_MORE_SCHEMAS is ${RETINUE_MORE_SCHEMAS}, and there is no such header")
  endif()
  target_compile_definitions(retinue_program_flags INTERFACE RETINUE_MORE_SCHEMAS="${more_schemas}")
endif()
if(RETINUE_NATIVE)
  target_compile_options(retinue_program_flags INTERFACE -march=native)
endif()
if(RETINUE_SANITIZE)
  # Without -fno-sanitize-recover, undefined behaviour is printed and the test passes.
  target_compile_options(
    retinue_program_flags INTERFACE -fsanitize=${RETINUE_SANITIZE} -fno-sanitize-recover=all
                                    -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The sanitizers' own branches make g++ see uninitialized values in std::regex and the like.
    target_compile_options(retinue_program_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  target_link_options(retinue_program_flags INTERFACE -fsanitize=${RETINUE_SANITIZE})
endif()

# The runtimes for ONNX files that are offered, whichever they are.
function(retinue_link_runtimes target scope)
  foreach(runtime IN ITEMS dnn onnxruntime openvino)
    if(TARGET retinue::${runtime})
      target_link_libraries(${target} ${scope} retinue::${runtime})
    endif()
  endforeach()
endfunction()

# torch/torch.h costs 12 seconds a file: compiled once, then shared by every program that links
# retinue::torch. QUICK programs have one of their own, for g++ 13 and later takes none of another
# level of optimization.
if(TARGET retinue_torch)
  file(GENERATE OUTPUT "${PROJECT_BINARY_DIR}/torch_pch.cpp" CONTENT "")
  foreach(pch IN ITEMS retinue_torch_pch retinue_torch_quick_pch)
    add_library(${pch} OBJECT EXCLUDE_FROM_ALL "${PROJECT_BINARY_DIR}/torch_pch.cpp")
    target_link_libraries(${pch} PRIVATE retinue_program_flags retinue_torch)
    target_compile_options(${pch} PRIVATE ${torch_program_flags})
    target_precompile_headers(${pch} PRIVATE <torch/torch.h>)
    set_target_properties(${pch} PROPERTIES CXX_EXTENSIONS OFF)
  endforeach()
  target_compile_options(retinue_torch_quick_pch PRIVATE $<$<CONFIG:Release>:-O1>)
endif()

# Each header as the only one of a file. Those that include torch/torch.h are given it compiled, which
# hides nothing but what it includes.
if(CMAKE_VERIFY_INTERFACE_HEADER_SETS)
  add_custom_target(headers_alone)
  add_dependencies(headers_alone all_verify_interface_header_sets)
  if(TARGET retinue_torch)
    set_target_properties(retinue_torch PROPERTIES VERIFY_INTERFACE_HEADER_SETS OFF)
    add_library(retinue_torch_headers OBJECT EXCLUDE_FROM_ALL)
    target_link_libraries(retinue_torch_headers PRIVATE retinue_program_flags retinue_torch)
    target_compile_options(retinue_torch_headers PRIVATE ${torch_program_flags})
    target_precompile_headers(retinue_torch_headers REUSE_FROM retinue_torch_pch)
    set_target_properties(retinue_torch_headers PROPERTIES CXX_EXTENSIONS OFF)
    get_target_property(headers retinue_torch HEADER_SET)
    foreach(header IN LISTS headers)
      file(RELATIVE_PATH name "${PROJECT_SOURCE_DIR}/include" "${header}")
      set(source "${PROJECT_BINARY_DIR}/headers_alone/${name}.cpp")
      file(CONFIGURE OUTPUT "${source}" CONTENT "#include <${name}>\n")
      target_sources(retinue_torch_headers PRIVATE "${source}")
      file(STRINGS "${header}" includes REGEX "^#include <torch/torch\\.h>")
      if(NOT includes)
        set_source_files_properties("${source}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
      endif()
    endforeach()
    add_dependencies(headers_alone retinue_torch_headers)
  endif()
endif()

# retinue_program(name [QUICK] [PART] ROOMS eigen ... SOURCES ... [LIBRARIES ...])
# The program is left out, and said so, where a room that it needs is not offered. QUICK is for
# programs in which LibTorch does the work: to optimize their calls of it costs minutes. A PART is
# compiled once and linked by several programs.
# Sets <name>_BUILT in the caller's scope.
function(retinue_program name)
  cmake_parse_arguments(PROGRAM "QUICK;PART" "" "ROOMS;SOURCES;LIBRARIES" ${ARGN})
  set(${name}_BUILT FALSE PARENT_SCOPE)
  foreach(room IN LISTS PROGRAM_ROOMS)
    if(NOT TARGET retinue::${room})
      message(STATUS "retinue: ${name} is left out, for want of retinue::${room}")
      return()
    endif()
  endforeach()
  if(PROGRAM_PART)
    add_library(${name} OBJECT ${PROGRAM_SOURCES})
    set(scope PUBLIC)
  else()
    add_executable(${name} ${PROGRAM_SOURCES})
    set(scope PRIVATE)
  endif()
  list(TRANSFORM PROGRAM_ROOMS PREPEND "retinue::" OUTPUT_VARIABLE rooms)
  target_link_libraries(${name} PRIVATE retinue_program_flags ${scope} retinue::retinue ${rooms}
                                ${PROGRAM_LIBRARIES})
  set_target_properties(${name} PROPERTIES CXX_EXTENSIONS OFF)
  if("torch" IN_LIST PROGRAM_ROOMS)
    target_compile_options(${name} PRIVATE ${torch_program_flags})
  endif()
  if("torch" IN_LIST PROGRAM_ROOMS AND PROGRAM_QUICK)
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
    target_precompile_headers(${name} REUSE_FROM retinue_torch_quick_pch)
  elseif("torch" IN_LIST PROGRAM_ROOMS)
    target_precompile_headers(${name} REUSE_FROM retinue_torch_pch)
  endif()
  set(${name}_BUILT TRUE PARENT_SCOPE)
endfunction()

# retinue_kernels(name source.cu): name.o, for CUDA. Kernels are compiled by nvcc itself, so that no
# device and no CUDA language of CMake is needed. Sets <name>_OBJECT, to nothing where there is no nvcc.
if(TARGET retinue::cuda)
  find_program(RETINUE_NVCC nvcc HINTS /usr/local/cuda/bin)
endif()
function(retinue_kernels name source)
  set(${name}_OBJECT "" PARENT_SCOPE)
  if(NOT RETINUE_NVCC OR NOT TARGET retinue::cuda)
    return()
  endif()
  set(code "")
  foreach(arch IN LISTS RETINUE_CUDA_ARCHITECTURES)
    list(APPEND code "-gencode=arch=compute_${arch},code=[compute_${arch},sm_${arch}]")
  endforeach()
  set(object "${CMAKE_CURRENT_BINARY_DIR}/${name}.o")
  file(RELATIVE_PATH target "${PROJECT_BINARY_DIR}" "${object}")
  cmake_path(ABSOLUTE_PATH source)
  add_custom_command(
    OUTPUT "${object}"
    COMMAND
      "${RETINUE_NVCC}" -std=c++20 -O3 --expt-relaxed-constexpr -Werror all-warnings -diag-suppress 186
      ${code} -I "${PROJECT_SOURCE_DIR}/include" -MD -MF "${object}.d" -MT "${target}" -c "${source}"
      -o "${object}"
    DEPENDS "${source}"
    DEPFILE "${object}.d"
    VERBATIM)
  set(${name}_OBJECT "${object}" PARENT_SCOPE)
endfunction()
