# cmake -DCOMMAND=program;argument... -DSAYS=regex -P refuses.cmake
# Bad input ends a program with a number other than 0, no signal, and one line of words, in which
# no escape sequence stands.
string(ASCII 27 escape)
execute_process(COMMAND ${COMMAND} OUTPUT_VARIABLE out ERROR_VARIABLE said RESULT_VARIABLE status)
if(NOT status MATCHES "^[1-9][0-9]*$" OR NOT out STREQUAL "" OR NOT said MATCHES "^[^\n]*${SAYS}[^\n]*\n$"
   OR said MATCHES "${escape}")
  message(FATAL_ERROR "expected one line matching '${SAYS}' and a failure, not status '${status}', "
                      "output '${out}' and '${said}'")
endif()
