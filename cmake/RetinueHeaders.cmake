# The headers of each room, so that installing needs no glob and
# CMAKE_VERIFY_INTERFACE_HEADER_SETS compiles each one alone.
function(retinue_headers room)
  if(room STREQUAL "retinue")
    set(target retinue)
  else()
    set(target retinue_${room})
  endif()
  if(TARGET ${target})
    list(TRANSFORM ARGN PREPEND "${PROJECT_SOURCE_DIR}/include/retinue/")
    target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include"
                                                 FILES ${ARGN})
  endif()
endfunction()

retinue_headers(
  retinue
  anchors.hpp
  anchors/default_boxes.hpp
  anchors/grid.hpp
  anchors/square_anchors.hpp
  config.hpp
  coordinate.hpp
  encoders.hpp
  error.hpp
  geometry.hpp
  landmarks.hpp
  overlap.hpp
  suppress.hpp
  suppress/greedy.hpp
  suppress/per_class.hpp
  suppress/soft.hpp
  suppress/suppressor.hpp)
