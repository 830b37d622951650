# cmake -DPROGRAM=ssd_detect -DWEIGHTS=... -DPICTURE=... -DFOLDER=... -P watches.cmake
# A folder that grows while the program runs, and Ctrl-C: a line for each picture and a whole video.
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}/in")
set(script [[
  "$1" --weights "$2" --image in --watch --json-lines lines.jsonl --video all.avi --threads 1 2>said &
  program=$!
  wait_for() {
    tries=0
    until [ "$(wc -l <lines.jsonl 2>/dev/null || echo 0)" -ge "$1" ]; do
      tries=$((tries + 1))
      [ $tries -lt 600 ] || { kill -9 $program; echo "no $1 lines"; cat said; exit 1; }
      sleep 0.1
    done
  }
  for name in 1 2 3; do
    cp "$3" in/$name.png
    wait_for $name
  done
  kill -INT $program
  wait $program
]])
# A shell starts what it runs behind it deaf to SIGINT, unless it has job control.
execute_process(COMMAND bash -mc "${script}" bash "${PROGRAM}" "${WEIGHTS}" "${PICTURE}"
                WORKING_DIRECTORY "${FOLDER}" OUTPUT_VARIABLE out ERROR_VARIABLE err RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "status ${status}: ${out}${err}")
endif()
file(READ "${FOLDER}/said" said)
file(STRINGS "${FOLDER}/lines.jsonl" lines)
list(LENGTH lines count)
if(NOT count EQUAL 3 OR NOT said MATCHES "found in 3 pictures; video: all.avi\n")
  message(FATAL_ERROR "${count} lines, expected 3: ${said}")
endif()

# The video that was written is one that the program reads: three frames, with a table.
execute_process(COMMAND "${PROGRAM}" --weights "${WEIGHTS}" --image all.avi --score 0.999999 --table --json-lines again.jsonl
                WORKING_DIRECTORY "${FOLDER}" OUTPUT_VARIABLE table ERROR_VARIABLE err
                RESULT_VARIABLE status)
file(STRINGS "${FOLDER}/again.jsonl" lines)
list(LENGTH lines count)
list(GET lines 2 last)
string(JSON frame GET "${last}" frame)
string(JSON seconds GET "${last}" seconds)
if(NOT status EQUAL 0 OR NOT count EQUAL 3 OR NOT frame EQUAL 2 OR NOT seconds EQUAL 1
   OR NOT table MATCHES "picture +object +score .*\nall.avi, frame 2, 1.00 s +[a-z]")
  message(FATAL_ERROR "status ${status}, ${count} lines, the last ${last}, and ${table}${err}")
endif()
