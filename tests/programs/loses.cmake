# cmake -DCOMMAND=program;argument... -P loses.cmake
# Where what a program prints cannot be written, it says so in one line and ends with 2.
foreach(to IN ITEMS "> /dev/full" ">&-")
  if(to STREQUAL "> /dev/full" AND NOT EXISTS /dev/full)
    continue() # not on this system
  endif()
  execute_process(COMMAND sh -c "exec \"$@\" ${to}" sh ${COMMAND} OUTPUT_VARIABLE out
                  ERROR_VARIABLE said RESULT_VARIABLE status)
  if(NOT status EQUAL 2 OR NOT said MATCHES "the standard output could not be written, and results are lost[^\n]*\n$")
    message(FATAL_ERROR "${to}: status ${status}, said '${said}'")
  endif()
endforeach()
