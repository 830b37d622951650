# cmake -DGDB=... -DPROGRAM=... -DPRINTERS=... -P printers.cmake
# Every printer shows what the program has made.
cmake_minimum_required(VERSION 3.25)
set(commands -ex "set confirm off" -ex "set debuginfod enabled off" -ex "source ${PRINTERS}"
             -ex "break stop_here" -ex run -ex up)
foreach(name IN ITEMS corners centre size points table view leveled)
  list(APPEND commands -ex "print ${name}")
endforeach()
execute_process(COMMAND "${GDB}" -nx -batch ${commands} "${PROGRAM}" OUTPUT_VARIABLE shown
                ERROR_VARIABLE trouble RESULT_VARIABLE status)
if(trouble MATCHES "Python scripting is not supported|ptrace|not permitted")
  message("skipped: this gdb has no Python, or may not trace a program: ${trouble}")
  return()
endif()
foreach(expected IN ITEMS
    "$1 = (1, 2.5) to (30, 0.3)"
    "$2 = 4 x 2 at (8, 9)"
    "$3 = 640 wide, 480 high"
    "$4 = 4 landmarks: (1, 2) (3, 4) (5, 6) (7, 8)"
    "$5 = columns of box<float> (1, 2) = {[0, 0] = (1, 2, 3, 4), [0, 1] = (5, 6, 7, 8)}"
    "$6 = rows of offsets<float> (1, 3) = {[0, 0] = (1, 4, 7, 10), [0, 1] = (2, 5, 8, 11), [0, 2] = (3, 6, 9, 12)}"
    "$7 = rows of 2 numbers (1, 3) = {[0, 0] = (1, 2), [0, 1] = (3, 4), [0, 2] = (5, 6)}")
  string(REGEX REPLACE "[ \n]+" " " words "${shown}")
  string(FIND "${words}" "${expected}" at)
  if(at EQUAL -1)
    message(SEND_ERROR "gdb does not show\n${expected}\nbut\n${shown}\n${trouble}")
  endif()
endforeach()
