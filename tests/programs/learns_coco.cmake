# cmake -DTRAIN=ssd_train -DEVALUATE=ssd_evaluate -DDETECT=ssd_detect -DPICTURE=a.png -DFOLDER=... -P learns_coco.cmake
# COCO's form as it lies on a disk, labels and pictures apart: learnt from though a picture of two is
# gone, validated on pictures of another folder, gone on with from elsewhere, and sized by its areas.
file(REMOVE_RECURSE "${FOLDER}")
foreach(part IN ITEMS train2017 val2017)
  file(MAKE_DIRECTORY "${FOLDER}/${part}")
  file(COPY_FILE "${PICTURE}" "${FOLDER}/${part}/a.png")
endforeach()
set(truth "\"image_id\": 1, \"category_id\": 1, \"bbox\": [10, 10, 300, 200]")
set(classes "\"categories\": [{\"id\": 1, \"name\": \"plot\"}]")
file(WRITE "${FOLDER}/annotations/train.json"
     "{\"images\": [{\"id\": 1, \"file_name\": \"a.png\"}, {\"id\": 2, \"file_name\": \"gone.png\"}], ${classes},
  \"annotations\": [{${truth}}]}")
file(WRITE "${FOLDER}/annotations/val.json" "{\"images\": [{\"id\": 1, \"file_name\": \"a.png\"}], ${classes},
  \"annotations\": [{${truth}, \"area\": 5}]}")

# run(folder status out argument...): in that folder, and it must end so.
function(run folder expected out)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY "${folder}" RESULT_VARIABLE status OUTPUT_VARIABLE printed
                  ERROR_VARIABLE said)
  if(NOT status EQUAL expected)
    message(FATAL_ERROR "${ARGN}: status ${status}, expected ${expected}: ${printed}${said}")
  endif()
  set(${out} "${printed}" PARENT_SCOPE)
  set(said "${said}" PARENT_SCOPE)
endfunction()

set(recipe --data annotations/train.json --images train2017 --validate annotations/val.json
           --validate-images val2017 --size 64 --batch 1 --epochs 3 --threads 1 --workers 0)
run("${FOLDER}" 0 printed "${TRAIN}" ${recipe} --out run)
if(NOT printed MATCHES "AP at overlap 0.5 on 1 held-out pictures" OR NOT said MATCHES "skipped: [^\n]*gone.png")
  message(FATAL_ERROR "one picture of two: ${printed}${said}")
endif()

# Finished, and its weights lost: they are there again, wherever one goes on from.
file(REMOVE "${FOLDER}/run/weights.safetensors")
run("${FOLDER}/annotations" 0 printed "${TRAIN}" --resume ../run)
set(weights "${FOLDER}/run/weights.safetensors")
if(NOT EXISTS "${weights}")
  message(FATAL_ERROR "a finished run has no weights: ${said}")
endif()

run("${FOLDER}" 0 figures "${EVALUATE}" --weights "${weights}" --data annotations/val.json --images val2017
    --protocol coco --json -)
foreach(size IN ITEMS small large)
  string(JSON ap_${size} GET "${figures}" coco "AP ${size}")
endforeach()
if(ap_small STREQUAL "" OR NOT ap_large STREQUAL "")
  message(FATAL_ERROR "a truth of 5 square pixels in a large box is small: ${figures}")
endif()

# A video that is none does not keep pictures from their turn.
file(WRITE "${FOLDER}/words.avi" "words")
run("${FOLDER}" 1 printed "${DETECT}" --weights "${weights}" --image words.avi val2017/a.png)
if(NOT said MATCHES "skipped: words.avi: not a video" OR NOT printed MATCHES "a.png: ")
  message(FATAL_ERROR "a bad video before a picture: ${printed}${said}")
endif()
run("${FOLDER}" 2 printed "${DETECT}" --weights "${weights}" --image val2017/a.png --overlay found.gif)
if(NOT said MATCHES "found.gif: pictures cannot be written in this form")
  message(FATAL_ERROR "a form that is not written: ${said}")
endif()

run("${FOLDER}" 2 printed "${DETECT}" --weights "${weights}" --image val2017/a.png --overlay found.mp4)
if(NOT said MATCHES "found.mp4: pictures are drawn, --video writes a video")
  message(FATAL_ERROR "a video of pictures: ${said}")
endif()

# A limit of the size of files is a sentence, not a signal.
find_program(sh sh)
run("${FOLDER}" 2 printed "${sh}" -c
    "ulimit -f 100 && exec '${TRAIN}' --data synthetic --size 64 --scenes 2 --batch 2 --epochs 1 --out limited")
if(NOT said MATCHES "safetensors[^\n]*: [^\n]*[Ff]ile too large")
  message(FATAL_ERROR "a file beyond its limit: ${said}")
endif()
file(REMOVE_RECURSE "${FOLDER}")
