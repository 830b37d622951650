# Trains a few updates on drawn scenes, by the options of RECIPE, too, and again in two processes: the weights
# are the same bytes.
file(REMOVE_RECURSE "${FOLDER}")

function(run)
  execute_process(COMMAND "${PROGRAM}" ${ARGN} --threads 1 RESULT_VARIABLE code OUTPUT_VARIABLE out
                  ERROR_VARIABLE err)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}: exit code ${code}: ${out}${err}")
  endif()
endfunction()

set(recipe --data synthetic --size 64 --scenes 8 --batch 4 --average 0.9 ${RECIPE})
run(${recipe} --epochs 2 --workers 2 --out "${FOLDER}/whole")
foreach(file IN ITEMS weights.safetensors best.safetensors curves.png log.jsonl config.json options.json
             ${ALSO})
  if(NOT EXISTS "${FOLDER}/whole/${file}")
    message(FATAL_ERROR "the run wrote no ${file}")
  endif()
endforeach()

# As if it had been killed after the first epoch.
file(COPY "${FOLDER}/whole/" DESTINATION "${FOLDER}/parts")
file(REMOVE "${FOLDER}/parts/checkpoints/step-000000004.safetensors" "${FOLDER}/parts/weights.safetensors")
run(--resume "${FOLDER}/parts" --workers 0)
foreach(file IN ITEMS weights.safetensors checkpoints/step-000000004.safetensors)
  file(SHA256 "${FOLDER}/whole/${file}" once)
  file(SHA256 "${FOLDER}/parts/${file}" twice)
  if(NOT once STREQUAL twice)
    message(FATAL_ERROR "${file} is another after an interruption")
  endif()
endforeach()

execute_process(COMMAND "${PROGRAM}" ${recipe} --out "${FOLDER}/whole" RESULT_VARIABLE code
                ERROR_VARIABLE err)
if(code EQUAL 0 OR NOT err MATCHES "holds a run already")
  message(FATAL_ERROR "a run was begun where there was one: ${err}")
endif()

# A run that was begun when there were fewer options goes on.
file(READ "${FOLDER}/parts/options.json" options)
set(older "${options}")
foreach(option IN ITEMS share-statistics augment plain-epochs class-weights validate-images began-in)
  string(JSON older REMOVE "${older}" ${option})
endforeach()
file(WRITE "${FOLDER}/parts/options.json" "${older}")
run(--resume "${FOLDER}/parts" --workers 0)
file(WRITE "${FOLDER}/parts/options.json" "${options}")

# Options of a run that the command line would refuse.
file(READ "${FOLDER}/parts/options.json" options)
foreach(field_and_value IN ITEMS "batch|-1" "batch|1e30" "batch|true" "epochs|0" "epochs|99999999999" "lr|-1"
                                 "lr|\"x\"" "lr|1e999" "keep|1.5" "seed|-3" "strict|3" "optimizer|\"none\""
                                 "milestones|[0.5, 7]" "data|[]x")
  string(REGEX REPLACE "[|].*" "" field "${field_and_value}")
  string(REGEX REPLACE "^[^|]*[|]" "" value "${field_and_value}")
  string(REGEX REPLACE "\"${field}\": (\\[[^]]*\\]|[^,}\n]*)" "\"${field}\": ${value}" damaged "${options}")
  file(WRITE "${FOLDER}/parts/options.json" "${damaged}")
  execute_process(COMMAND "${PROGRAM}" --resume "${FOLDER}/parts" RESULT_VARIABLE code ERROR_VARIABLE err)
  if(NOT code EQUAL 2 OR NOT err MATCHES
       "options.json: (${field} is|not the options of a run|line [0-9]+, column [0-9]+: )")
    message(FATAL_ERROR "${field} ${value} was taken from options.json: ${code} ${err}")
  endif()
endforeach()
