# One interface target a dependency: a user links what she includes, and nothing else is looked for.
include(GNUInstallDirs)

# retinue_room(name [ROOMS ...] [PACKAGE ...] [LIBRARIES ...]) makes retinue::name, which builds on
# other ROOMS. PACKAGE is what find_package takes to find the libraries again, for a user of the
# installed package. The core has none.
function(retinue_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;PACKAGE;LIBRARIES" ${ARGN})
  set(target retinue_${name})
  if(name STREQUAL "retinue")
    set(target retinue)
  endif()
  add_library(${target} INTERFACE)
  add_library(retinue::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_include_directories(
    ${target} INTERFACE "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
                        "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  if(NOT name STREQUAL "retinue")
    target_link_libraries(${target} INTERFACE retinue)
  endif()
  list(TRANSFORM ROOM_ROOMS PREPEND "retinue_" OUTPUT_VARIABLE below)
  target_link_libraries(${target} INTERFACE ${below} ${ROOM_LIBRARIES})
  set_property(GLOBAL APPEND PROPERTY RETINUE_ROOMS ${name})
  set_property(GLOBAL PROPERTY RETINUE_ROOM_PACKAGE_${name} "${ROOM_PACKAGE}")
  set_property(GLOBAL PROPERTY RETINUE_ROOM_ROOMS_${name} "${ROOM_ROOMS}")
endfunction()

retinue_room(retinue)

if(RETINUE_WITH_EIGEN)
  find_package(Eigen3 3.4 QUIET NO_MODULE)
  if(TARGET Eigen3::Eigen)
    retinue_room(eigen PACKAGE Eigen3 3.4 NO_MODULE LIBRARIES Eigen3::Eigen)
  endif()
endif()

if(RETINUE_WITH_JSON)
  find_package(nlohmann_json 3.11 QUIET)
  if(TARGET nlohmann_json::nlohmann_json)
    retinue_room(json PACKAGE nlohmann_json 3.11 LIBRARIES nlohmann_json::nlohmann_json)
  endif()
endif()

if(RETINUE_WITH_XML)
  find_package(pugixml 1.10 QUIET)
  if(TARGET pugixml::pugixml)
    retinue_room(xml PACKAGE pugixml 1.10 LIBRARIES pugixml::pugixml)
  endif()
endif()

if(RETINUE_WITH_ZLIB)
  find_package(ZLIB QUIET)
  if(TARGET ZLIB::ZLIB)
    retinue_room(zlib PACKAGE ZLIB LIBRARIES ZLIB::ZLIB)
  endif()
endif()

if(RETINUE_WITH_OPENCV)
  find_package(OpenCV 4 QUIET COMPONENTS core imgproc imgcodecs)
  if(OpenCV_FOUND)
    retinue_room(opencv PACKAGE OpenCV 4 COMPONENTS core imgproc imgcodecs
                 LIBRARIES opencv_core opencv_imgproc opencv_imgcodecs)
  endif()
endif()

# Runtimes of others for ONNX files. What offers one defines that it does, for the list of those that
# a program is linked with.
if(RETINUE_WITH_DNN)
  find_package(OpenCV 4 QUIET COMPONENTS core dnn)
  if(TARGET opencv_dnn)
    retinue_room(dnn PACKAGE OpenCV 4 COMPONENTS core dnn LIBRARIES opencv_core opencv_dnn)
    target_compile_definitions(retinue_dnn INTERFACE RETINUE_HAS_DNN=1)
  endif()
endif()

if(RETINUE_WITH_ONNXRUNTIME)
  find_package(onnxruntime QUIET CONFIG)
  if(TARGET onnxruntime::onnxruntime)
    retinue_room(onnxruntime PACKAGE onnxruntime CONFIG LIBRARIES onnxruntime::onnxruntime)
    target_compile_definitions(retinue_onnxruntime INTERFACE RETINUE_HAS_ONNXRUNTIME=1)
  endif()
endif()

if(RETINUE_WITH_OPENVINO)
  find_package(OpenVINO QUIET CONFIG COMPONENTS Runtime ONNX)
  if(TARGET openvino::runtime)
    retinue_room(openvino PACKAGE OpenVINO CONFIG COMPONENTS Runtime ONNX LIBRARIES openvino::runtime)
    target_compile_definitions(retinue_openvino INTERFACE RETINUE_HAS_OPENVINO=1)
  endif()
endif()

# A network's predictions are decoded over Eigen, and its weights carry their configuration as JSON.
if(RETINUE_WITH_TORCH AND TARGET retinue_eigen AND TARGET retinue_json)
  find_package(Torch QUIET)
  if(Torch_FOUND)
    if(TORCH_CXX_FLAGS MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
      message(
        FATAL_ERROR
          "retinue: the LibTorch at ${TORCH_INSTALL_PREFIX} was built with the old C++ ABI and cannot "
          "be linked with OpenCV or this compiler's library. Take the cxx11-ABI download or your "
          "distribution's package, or set -DRETINUE_WITH_TORCH=OFF.")
    endif()
    # PyPI's LibTorch shows what it has of std::filesystem to programs, and lacks some of it where the
    # C++ library is older than GCC 13's (remove_all then crashes): that library comes first.
    set(before_torch "")
    if(UNIX AND NOT APPLE AND TARGET torch_cuda)
      set(before_torch stdc++)
    endif()
    retinue_room(torch ROOMS eigen json PACKAGE Torch LIBRARIES ${before_torch}
                 ${TORCH_LIBRARIES})

    # Processes that train together talk by LibTorch's c10d, whose headers want those of gloo: of the
    # gloo that LibTorch was built with, which lie beside its own if they are there at all.
    find_path(RETINUE_GLOO_INCLUDE_DIR gloo/rendezvous/store.h PATHS ${TORCH_INCLUDE_DIRS}
              NO_DEFAULT_PATH)
    mark_as_advanced(RETINUE_GLOO_INCLUDE_DIR)
    find_path(RETINUE_C10D_INCLUDE_DIR torch/csrc/distributed/c10d/ProcessGroupGloo.hpp
              HINTS ${TORCH_INCLUDE_DIRS})
    mark_as_advanced(RETINUE_C10D_INCLUDE_DIR)
    if(RETINUE_WITH_GLOO AND RETINUE_GLOO_INCLUDE_DIR AND RETINUE_C10D_INCLUDE_DIR)
      retinue_room(gloo ROOMS torch)
      target_compile_definitions(retinue_gloo INTERFACE RETINUE_HAS_GLOO=1 USE_C10D_GLOO)
    endif()
  endif()
endif()

# Headers that declare what runs on a device need the runtime alone; kernels are compiled in a .cu of
# the user's, which includes backend/cuda_blocks.cuh.
if(RETINUE_WITH_CUDA)
  find_package(CUDAToolkit 12 QUIET)
  if(TARGET CUDA::cudart)
    retinue_room(cuda PACKAGE CUDAToolkit 12 LIBRARIES CUDA::cudart)
  endif()
endif()

# And those on CUDA devices by NCCL, which a LibTorch with CUDA has; its header is the toolkit's or the
# system's.
if(RETINUE_WITH_NCCL AND TARGET retinue_torch AND TARGET torch_cuda AND TARGET retinue_cuda)
  find_path(RETINUE_NCCL_INCLUDE_DIR nccl.h PATHS ${CUDAToolkit_INCLUDE_DIRS})
  find_path(RETINUE_C10D_NCCL_DIR torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp
            HINTS ${TORCH_INCLUDE_DIRS})
  mark_as_advanced(RETINUE_NCCL_INCLUDE_DIR RETINUE_C10D_NCCL_DIR)
  if(RETINUE_NCCL_INCLUDE_DIR AND RETINUE_C10D_NCCL_DIR)
    retinue_room(nccl ROOMS torch cuda)
    target_compile_definitions(retinue_nccl INTERFACE RETINUE_HAS_NCCL=1 USE_C10D_NCCL)
  endif()
endif()

get_property(rooms GLOBAL PROPERTY RETINUE_ROOMS)
foreach(room IN ITEMS eigen json xml zlib opencv dnn onnxruntime openvino torch gloo cuda nccl)
  string(TOUPPER ${room} upper)
  if(RETINUE_WITH_${upper} AND NOT room IN_LIST rooms)
    list(APPEND absent retinue::${room})
  endif()
endforeach()
list(TRANSFORM rooms PREPEND "retinue::" OUTPUT_VARIABLE offered)
list(JOIN offered ", " offered)
message(STATUS "retinue ${PROJECT_VERSION} offers ${offered}")
if(absent)
  list(JOIN absent ", " absent)
  message(STATUS "retinue: not offered, because a library was not found: ${absent}")
endif()
