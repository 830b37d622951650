# Two processes train what one does whose batch goes in two parts, to the last bit; where one of
# three is killed, the others end in a sentence; two of another number go on with their run. Process
# 0, which alone prints, comes last in each pipeline.
file(REMOVE_RECURSE "${FOLDER}")
string(RANDOM LENGTH 4 ALPHABET 0123456789 digits)
set(recipe --data synthetic --size 64 --scenes 8 --batch 4 --workers 0)
set(alone --threads 1)

# process(variable size rank argument...): the command line of one.
function(process variable size rank)
  set(${variable} "${PROGRAM}" ${ARGN} ${alone} --world ${size} --rank ${rank} --meet
      127.0.0.1:2${digits} PARENT_SCOPE)
endfunction()

execute_process(COMMAND "${PROGRAM}" ${recipe} ${alone} --parts 2 --epochs 3 --out "${FOLDER}/one"
                RESULT_VARIABLE code ERROR_VARIABLE err)
if(NOT code EQUAL 0)
  message(FATAL_ERROR "alone: exit code ${code}: ${err}")
endif()

foreach(rank IN ITEMS 0 1)
  process(of_${rank} 2 ${rank} ${recipe} --epochs 3 --out "${FOLDER}/two")
endforeach()
execute_process(COMMAND ${of_1} COMMAND ${of_0} RESULTS_VARIABLE codes ERROR_VARIABLE err TIMEOUT 300)
if(NOT codes STREQUAL "0;0")
  message(FATAL_ERROR "two processes: exit codes ${codes}: ${err}")
endif()
foreach(run IN ITEMS one two)
  file(READ "${FOLDER}/${run}/log.jsonl" log)
  string(REGEX REPLACE ",\"images_per_second\":[^}]*" "" log_of_${run} "${log}")
endforeach()
if(NOT log_of_one STREQUAL log_of_two OR NOT log_of_one MATCHES "\"step\":5")
  message(FATAL_ERROR "two processes learnt otherwise than one:\n${log_of_one}\n${log_of_two}")
endif()

# Another rate, and another network: a sentence each, before anything is learnt.
process(of_0 2 0 ${recipe} --epochs 3 --out "${FOLDER}/otherwise")
process(of_1 2 1 ${recipe} --epochs 3 --out "${FOLDER}/otherwise" --lr 0.5)
process(by_preset 2 1 ${recipe} --epochs 3 --out "${FOLDER}/otherwise" --preset yunet-s)
process(of_three 3 1 ${recipe} --epochs 3 --out "${FOLDER}/otherwise")
execute_process(COMMAND ${of_three} COMMAND ${of_0} RESULTS_VARIABLE codes ERROR_VARIABLE err TIMEOUT 300)
if(NOT codes STREQUAL "2;2" OR NOT err MATCHES "process 0 of 2 did not meet the others at 127.0.0.1:[0-9]+: process 1 is one of 3")
  message(FATAL_ERROR "processes of another number: exit codes ${codes}: ${err}")
endif()
foreach(other IN ITEMS of_1 by_preset)
  execute_process(COMMAND ${${other}} COMMAND ${of_0} RESULTS_VARIABLE codes ERROR_VARIABLE err TIMEOUT 300)
  if(NOT codes STREQUAL "2;2" OR
     NOT err MATCHES "process 1 trains with (--lr 0.5|the configuration yunet-s), and process 0 otherwise" OR
     NOT err MATCHES "process 0 trains with (--lr 0.001|the configuration [^ ]+), and process 1 otherwise")
    message(FATAL_ERROR "processes of other options: exit codes ${codes}: ${err}")
  endif()
endforeach()

# One of three is killed, after it has begun.
foreach(rank IN ITEMS 0 1 2)
  process(of_${rank} 3 ${rank} ${recipe} --epochs 100000 --save-every 2 --out "${FOLDER}/three")
endforeach()
execute_process(COMMAND timeout -s KILL 20 ${of_2} COMMAND ${of_1} COMMAND ${of_0}
                RESULTS_VARIABLE codes ERROR_VARIABLE err TIMEOUT 300)
if(NOT codes MATCHES ";2;2$")
  message(FATAL_ERROR "one of three was killed: exit codes ${codes}: ${err}")
endif()
foreach(rank IN ITEMS 0 1)
  if(NOT err MATCHES "process ${rank} of 3 cannot go on, for another one has ended, or is out of reach: ")
    message(FATAL_ERROR "one of three was killed, and process ${rank} does not say so: ${err}")
  endif()
endforeach()

foreach(rank IN ITEMS 0 1)
  process(of_${rank} 2 ${rank} --resume "${FOLDER}/three")
endforeach()
execute_process(COMMAND ${of_1} COMMAND timeout -s TERM 15 ${of_0} RESULTS_VARIABLE codes
                ERROR_VARIABLE err TIMEOUT 300)
if(NOT codes MATCHES "^1;" OR NOT err MATCHES "going on from update [1-9]" OR
   NOT err MATCHES "stopped: --resume")
  message(FATAL_ERROR "two go on where three began: exit codes ${codes}: ${err}")
endif()
