# cmake -DPROGRAM=show_parts -DPART=... -DSHOWN=docs/....svg -DFRESH=... -P shows.cmake
execute_process(COMMAND "${PROGRAM}" "${PART}" --out "${FRESH}" COMMAND_ERROR_IS_FATAL ANY)
file(READ "${SHOWN}" shown)
file(READ "${FRESH}" fresh)
if(NOT shown STREQUAL fresh)
  message(FATAL_ERROR "${SHOWN} is out of date; as it should be it is now ${FRESH}")
endif()
