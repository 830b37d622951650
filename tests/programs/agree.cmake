# cmake -DDETECT=retinaface_detect -DANY=any_runtime [-DEXPORT=retinaface_export -DFOLDER=...]
#       -DSHARED=... -P agree.cmake
# LibTorch with the whole library, and OpenCV with the core alone: the same detections. The pictures'
# sides are multiples of 32 as the network sees them, so that any_runtime pads nothing. The file is
# the public one, or what EXPORT writes into FOLDER.
if(NOT EXISTS "${SHARED}/weights")
  message(STATUS "skipped: RETINUE_SHARED_DIR does not name the shared data folder")
  return()
endif()
set(name retinaface_mobilenet0.25_Final)
set(file "${SHARED}/weights/${name}.onnx")
if(DEFINED EXPORT)
  set(file "${FOLDER}/exported.onnx")
  execute_process(COMMAND "${EXPORT}" --weights "${SHARED}/weights/${name}.pth" --out "${file}"
                  ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
endif()

# Hundredths of a pixel, as a whole number.
function(hundredths value out)
  if(NOT value MATCHES "^(-?)([0-9]+)(\\.([0-9]*))?$")
    message(FATAL_ERROR "not a coordinate: ${value}")
  endif()
  set(sign "${CMAKE_MATCH_1}")
  set(whole "${CMAKE_MATCH_2}")
  string(SUBSTRING "${CMAKE_MATCH_4}00" 0 2 fraction)
  math(EXPR result "${sign}(${whole} * 100 + 1${fraction} - 100)")
  set(${out} ${result} PARENT_SCOPE)
endfunction()

foreach(photo mtcnn_ivan.jpg inspireface_r0.jpg mtcnn_no-faces.jpg)
  set(options --image "${SHARED}/data/photos/${photo}" --long-side 640 --json -)
  execute_process(COMMAND "${DETECT}" --weights "${SHARED}/weights/${name}.pth" ${options}
                  OUTPUT_VARIABLE ours ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${ANY}" --model "${file}" ${options}
                  OUTPUT_VARIABLE theirs ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
  string(JSON our_count LENGTH "${ours}" 0 detections)
  string(JSON their_count LENGTH "${theirs}" 0 detections)
  if(NOT our_count EQUAL their_count)
    message(FATAL_ERROR "${photo}: ${our_count} faces against ${their_count}")
  endif()
  math(EXPR last "${our_count} - 1")
  foreach(face RANGE ${last})
    if(our_count EQUAL 0)
      break() # RANGE -1 counts downwards
    endif()
    foreach(c RANGE 3)
      string(JSON a GET "${ours}" 0 detections ${face} box ${c})
      string(JSON b GET "${theirs}" 0 detections ${face} box ${c})
      hundredths("${a}" a)
      hundredths("${b}" b)
      math(EXPR apart "${a} - ${b}")
      if(apart GREATER 5 OR apart LESS -5)
        message(FATAL_ERROR "${photo}: face ${face}, component ${c}: ${apart} hundredths apart")
      endif()
    endforeach()
  endforeach()
endforeach()
