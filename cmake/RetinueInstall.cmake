include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/retinue")

# One export file a room, so that find_package(retinue COMPONENTS eigen) looks for Eigen alone.
get_property(rooms GLOBAL PROPERTY RETINUE_ROOMS)
set(RETINUE_PACKAGES "")
foreach(room IN LISTS rooms)
  set(target retinue_${room})
  if(room STREQUAL "retinue")
    set(target retinue)
  endif()
  install(TARGETS ${target} EXPORT retinue_${room} FILE_SET HEADERS
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT retinue_${room} NAMESPACE retinue:: DESTINATION "${package_dir}"
          FILE retinue-${room}.cmake)
  get_property(package GLOBAL PROPERTY RETINUE_ROOM_PACKAGE_${room})
  get_property(below GLOBAL PROPERTY RETINUE_ROOM_ROOMS_${room})
  string(APPEND RETINUE_PACKAGES "set(retinue_package_${room} \"${package}\")\n"
                                 "set(retinue_rooms_${room} \"${below}\")\n")
endforeach()

if(TARGET retinue_cuda) # no header of C++, which the others are checked to be
  install(FILES "${PROJECT_SOURCE_DIR}/include/retinue/backend/cuda_blocks.cuh"
          DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/retinue/backend")
endif()

configure_package_config_file(cmake/retinue-config.cmake.in retinue-config.cmake
                              INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(retinue-config-version.cmake COMPATIBILITY SameMinorVersion
                                 ARCH_INDEPENDENT)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/retinue-config.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/retinue-config-version.cmake"
        DESTINATION "${package_dir}")

# The same for tools that know no CMake: a file of the Common Package Specification, with an appendix
# for each room. Only if asked for: CMake 4.3 and later prefer it, and then say less of a component
# that is not there. A room is left out where it, or one below it, needs targets that are not named
# after their package, as OpenCV's, LibTorch's and the CUDA Toolkit's are: CPS has no word for those.
function(retinue_room_fits_cps room fits)
  set(${fits} FALSE PARENT_SCOPE)
  get_property(package GLOBAL PROPERTY RETINUE_ROOM_PACKAGE_${room})
  string(REGEX MATCH "^[^ ;]+" package "${package}")
  get_target_property(needed retinue_${room} INTERFACE_LINK_LIBRARIES)
  foreach(library IN LISTS needed)
    if(library MATCHES "^[^$]" AND NOT library MATCHES "^(retinue|${package})(::|$)")
      return()
    endif()
  endforeach()
  get_property(below GLOBAL PROPERTY RETINUE_ROOM_ROOMS_${room})
  foreach(one IN LISTS below)
    retinue_room_fits_cps(${one} one_fits)
    if(NOT one_fits)
      return()
    endif()
  endforeach()
  set(${fits} TRUE PARENT_SCOPE)
endfunction()
if(RETINUE_INSTALL_CPS AND CMAKE_VERSION VERSION_LESS 4.3)
  message(FATAL_ERROR "retinue: RETINUE_INSTALL_CPS needs CMake 4.3, and this is ${CMAKE_VERSION}")
elseif(RETINUE_INSTALL_CPS)
  install(PACKAGE_INFO retinue EXPORT retinue_retinue DESTINATION "${CMAKE_INSTALL_DATADIR}/cps/retinue"
          DEFAULT_TARGETS retinue VERSION ${PROJECT_VERSION} COMPAT_VERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}.0
          LICENSE Apache-2.0)
  foreach(room IN LISTS rooms)
    if(room STREQUAL "retinue")
      continue()
    endif()
    retinue_room_fits_cps(${room} fits)
    if(fits)
      install(PACKAGE_INFO retinue EXPORT retinue_${room} APPENDIX ${room}
              DESTINATION "${CMAKE_INSTALL_DATADIR}/cps/retinue")
    else()
      message(STATUS "retinue: retinue::${room} is not described by CPS, which has no name for what it needs")
    endif()
  endforeach()
endif()

install(FILES cmake/gdb/retinue_printers.py DESTINATION "${CMAKE_INSTALL_DATADIR}/retinue/gdb")
