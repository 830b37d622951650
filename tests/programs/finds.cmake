# cmake -DPROGRAM=... -DSHARED=... -P finds.cmake
# Real weights, real photos: as many faces as there are, their landmarks in their boxes, their boxes
# in the photo, the best first.
if(NOT EXISTS "${SHARED}/weights")
  message(STATUS "skipped: RETINUE_SHARED_DIR does not name the shared data folder")
  return()
endif()

function(expect_faces photo expected)
  execute_process(
    COMMAND "${PROGRAM}" --model "${SHARED}/weights/retinaface_mobilenet0.25_Final.onnx" --image
            "${SHARED}/data/photos/${photo}" --json - ${ARGN}
    OUTPUT_VARIABLE list ERROR_VARIABLE said RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${photo}: status ${status}, ${said}")
  endif()
  string(JSON count LENGTH "${list}" 0 detections)
  if(NOT count EQUAL expected)
    message(FATAL_ERROR "${photo}: ${count} faces, expected ${expected}")
  endif()
  string(JSON width GET "${list}" 0 width)
  string(JSON height GET "${list}" 0 height)
  set(before 1)
  math(EXPR last "${count} - 1")
  foreach(face RANGE ${last})
    if(face EQUAL count)
      break() # RANGE -1 counts downwards
    endif()
    string(JSON score GET "${list}" 0 detections ${face} score)
    foreach(c RANGE 3)
      string(JSON box${c} GET "${list}" 0 detections ${face} box ${c})
    endforeach()
    if(score GREATER before OR score LESS 0.5 OR box0 LESS 0 OR box1 LESS 0 OR box2 GREATER width
       OR box3 GREATER height)
      message(FATAL_ERROR "${photo}: face ${face} is not plausible: ${list}")
    endif()
    set(before ${score})
    foreach(k RANGE 4)
      string(JSON x GET "${list}" 0 detections ${face} landmarks ${k} 0)
      string(JSON y GET "${list}" 0 detections ${face} landmarks ${k} 1)
      if(x LESS box0 OR x GREATER box2 OR y LESS box1 OR y GREATER box3)
        message(FATAL_ERROR "${photo}: landmark ${k} of face ${face} lies outside its box: ${list}")
      endif()
    endforeach()
  endforeach()
endfunction()

expect_faces(mtcnn_ivan.jpg 1)
expect_faces(mtcnn_ivan.jpg 1 --runtime opencv)
expect_faces(ulfg_19.jpg 5)
expect_faces(facenet_multiface.jpg 6)
expect_faces(mtcnn_no-faces.jpg 0)
