# An overlay port, of the repository that it lies in:
#   vcpkg install retinue[eigen,json] --overlay-ports=<this repository>/cmake/ports/vcpkg
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

vcpkg_check_features(
  OUT_FEATURE_OPTIONS rooms
  FEATURES
    eigen RETINUE_WITH_EIGEN
    json RETINUE_WITH_JSON
    opencv RETINUE_WITH_OPENCV
    dnn RETINUE_WITH_DNN
    onnxruntime RETINUE_WITH_ONNXRUNTIME
    openvino RETINUE_WITH_OPENVINO
    torch RETINUE_WITH_TORCH
    gloo RETINUE_WITH_GLOO
    cuda RETINUE_WITH_CUDA
    nccl RETINUE_WITH_NCCL
    xml RETINUE_WITH_XML
    zlib RETINUE_WITH_ZLIB)

vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}"
                      OPTIONS ${rooms} -DRETINUE_BUILD_TESTS=OFF -DRETINUE_BUILD_EXAMPLES=OFF)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH share/cmake/retinue)
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug")  # headers are the same in both
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
