# cmake -DPROGRAM=retinaface_detect -DSHARED=... -P detects.cmake
# Real weights on real photos: the faces there are, the same however the work is divided, and one
# sentence for whatever cannot be done.
if(NOT EXISTS "${SHARED}/weights")
  message(STATUS "skipped: RETINUE_SHARED_DIR does not name the shared data folder")
  return()
endif()
set(weights "${SHARED}/weights/retinaface_mobilenet0.25_Final.pth")
set(photos "${SHARED}/data/photos")
set(folder "${CMAKE_CURRENT_BINARY_DIR}/retinaface_detect_test")
file(REMOVE_RECURSE "${folder}")
file(MAKE_DIRECTORY "${folder}")

# run(status out argument...): runs the program, which must end so; its JSON goes to `out`.
function(run expected out)
  execute_process(COMMAND "${PROGRAM}" --json - ${ARGN} OUTPUT_VARIABLE list ERROR_VARIABLE said
                  RESULT_VARIABLE status)
  if(NOT status EQUAL expected)
    message(FATAL_ERROR "${ARGN}: status ${status}, expected ${expected}: ${said}")
  endif()
  set(${out} "${list}" PARENT_SCOPE)
  set(said "${said}" PARENT_SCOPE)
endfunction()

function(expect_faces photo expected)
  run(0 list --weights "${weights}" --image "${photos}/${photo}" ${ARGN})
  string(JSON count LENGTH "${list}" 0 detections)
  if(NOT count EQUAL expected)
    message(FATAL_ERROR "${photo}: ${count} faces, expected ${expected}")
  endif()
endfunction()
expect_faces(mtcnn_ivan.jpg 1)
expect_faces(mtcnn_no-faces.jpg 0)
expect_faces(ulfg_19.jpg 5)
expect_faces(ulfg_2.jpg 4 --long-side 640)

# Threads and batches divide the work and change no face.
set(some --weights "${weights}" --image "${photos}/ulfg_19.jpg" "${photos}/inspireface_r0.jpg"
         "${photos}/inspireface_r180.jpg" "${photos}/mtcnn_ivan.jpg")
run(0 alone ${some} --threads 1)
run(0 together ${some} --threads 2 --batch 3)
foreach(picture RANGE 3)
  foreach(list alone together)
    string(JSON ${list}_name GET "${${list}}" ${picture} image)
    string(JSON ${list}_count LENGTH "${${list}}" ${picture} detections)
    string(JSON ${list}_box GET "${${list}}" ${picture} detections 0 box)
    string(REGEX REPLACE "\\.[0-9]+" "" ${list}_box "${${list}_box}") # whole pixels
  endforeach()
  if(NOT alone_name STREQUAL together_name OR NOT alone_count EQUAL together_count
     OR NOT alone_box STREQUAL together_box)
    message(FATAL_ERROR "${alone_name}: ${alone_count} faces, first ${alone_box}; in a batch "
                        "${together_name}: ${together_count}, ${together_box}")
  endif()
endforeach()

# A file of another exporter, run by whichever runtime the program has, and by OpenCV.
execute_process(COMMAND "${PROGRAM}" --help OUTPUT_VARIABLE help)
if(help MATCHES "ONNX file: .*opencv")
  set(graph --weights "${SHARED}/weights/retinaface_mobilenet0.25_Final.onnx" --image
            "${photos}/ulfg_19.jpg")
  foreach(runtime IN ITEMS "" "--runtime;opencv")
    run(0 list ${graph} --preset mobilenet0.25-small-faces ${runtime})
    string(JSON count LENGTH "${list}" 0 detections)
    if(NOT count EQUAL 5)
      message(FATAL_ERROR "ONNX ${runtime}: ${count} faces, expected 5")
    endif()
  endforeach()
  run(2 list ${graph})
  if(NOT said MATCHES "_Final.onnx: an ONNX network that does not say what it finds: [^\n]*\n$")
    message(FATAL_ERROR "ONNX without a preset: ${said}")
  endif()
else()
  message(STATUS "skipped: this build has no runtime for ONNX files")
endif()

# A picture that cannot be read is named, the others are done, and the status tells.
file(WRITE "${folder}/words.jpg" "not a picture")
run(1 list --weights "${weights}" --image "${folder}/words.jpg" "${photos}/mtcnn_ivan.jpg" --overlay
    "${folder}/overlays")
string(JSON done LENGTH "${list}")
if(NOT done EQUAL 1 OR NOT said MATCHES "skipped: [^\n]*words.jpg" OR NOT EXISTS
                                                                    "${folder}/overlays/mtcnn_ivan.jpg")
  message(FATAL_ERROR "a bad picture among two: ${done} done, said ${said}")
endif()

# Pictures of one name have overlays of their own, and no picture is drawn over.
foreach(copy one two)
  file(COPY "${photos}/mtcnn_ivan.jpg" DESTINATION "${folder}/${copy}")
endforeach()
run(0 list --weights "${weights}" --image "${folder}/one" "${folder}/two" --overlay "${folder}/both")
if(NOT EXISTS "${folder}/both/mtcnn_ivan.jpg" OR NOT EXISTS "${folder}/both/mtcnn_ivan-2.jpg"
   OR NOT said MATCHES "mtcnn_ivan-2.jpg shows [^\n]*/two/mtcnn_ivan.jpg\n")
  message(FATAL_ERROR "two pictures of one name: ${said}")
endif()
run(2 list --weights "${weights}" --image "${folder}/one" --overlay "${folder}/one")
if(NOT said MATCHES "--overlay would replace [^\n]*one/mtcnn_ivan.jpg")
  message(FATAL_ERROR "the overlay of a picture over itself: ${said}")
endif()

# Other people's detectors, each known by its weights.
foreach(other IN ITEMS retinaface_RBF_Final.pth retinaface_slim_Final.pth ulfg_version-RFB-320.pth
                       yunet_s.pth)
  run(0 list --weights "${SHARED}/weights/${other}" --image "${photos}/ulfg_3.jpg" --long-side 640)
  string(JSON count LENGTH "${list}" 0 detections)
  if(NOT count EQUAL 5 OR NOT said MATCHES "${other} has the tensors of ")
    message(FATAL_ERROR "${other}: ${count} faces, expected 5; said ${said}")
  endif()
endforeach()

# Four corners come out of the plate weights, by the same templates.
run(0 list --weights "${SHARED}/weights/plate_ccpd_epoch20_4lm.pth" --image "${photos}/ulfg_26.jpg"
    --score 0.005) # no plate in sight: the best guess will do
string(JSON count LENGTH "${list}" 0 detections)
if(count GREATER 0)
  string(JSON corners LENGTH "${list}" 0 detections 0 landmarks)
  string(JSON class GET "${list}" 0 detections 0 class)
endif()
if(NOT corners EQUAL 4 OR NOT class STREQUAL plate)
  message(FATAL_ERROR "the plate weights gave ${count} detections of ${corners} corners")
endif()

# Wrong presets, weights of other networks and misspelt configurations are explained.
function(expect_refusal says)
  run(2 list --image "${photos}/mtcnn_ivan.jpg" ${ARGN})
  if(NOT said MATCHES "^[^\n]*${says}[^\n]*\n$")
    message(FATAL_ERROR "expected one line matching '${says}', not '${said}'")
  endif()
endfunction()
expect_refusal("4 landmarks" --weights "${SHARED}/weights/plate_ccpd_epoch20_4lm.pth" --preset
               mobilenet0.25)
expect_refusal("mobilenet0.25" --weights "${weights}" --preset mobilnet0.25)
expect_refusal("a MobileNet for classification" --weights
               "${SHARED}/weights/mobilenetV1X0.25_pretrain.tar")
file(WRITE "${folder}/typo.json" "{\"detect\":\n {\"scoer\": 0.5}}")
run(2 list --image "${photos}/mtcnn_ivan.jpg" --weights "${weights}" --config "${folder}/typo.json")
set(shown "\n  2 .  {.scoer.: 0.5}}\n    .   \\^\n$")
if(NOT said MATCHES "^[^\n]*typo.json: line 2, column 3: .detect.scoer. [^\n]*detect.score.${shown}")
  message(FATAL_ERROR "a misspelt key is to be shown in its line, not '${said}'")
endif()
file(REMOVE_RECURSE "${folder}")
