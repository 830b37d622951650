# cmake -DCOMMAND=program;argument... -DFOLDER=... -P prints_json.cmake
# With `--json -` the standard output is JSON from the first byte to the last; words for people go to
# the standard error stream; and no file gets that name.
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
execute_process(COMMAND ${COMMAND} --json - WORKING_DIRECTORY "${FOLDER}" OUTPUT_VARIABLE out
                ERROR_VARIABLE said RESULT_VARIABLE status)
string(JSON kind ERROR_VARIABLE trouble TYPE "${out}")
if(NOT status EQUAL 0 OR trouble OR NOT kind MATCHES "OBJECT|ARRAY" OR said STREQUAL "" OR EXISTS "${FOLDER}/-")
  message(FATAL_ERROR "status ${status}, ${trouble}, output '${out}', '${said}'")
endif()
