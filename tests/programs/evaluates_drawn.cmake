# Evaluates weights of five landmarks on drawn scenes, by all protocols that these can serve.
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
set(scenes --data synthetic --scenes 6 --scene-size 64 --threads 1)

execute_process(COMMAND "${PROGRAM}" --weights "${WEIGHTS}" ${scenes} --protocol voc,coco,nme --json
                        "${FOLDER}/figures.json" --curve "${FOLDER}/curve.png" --overlay
                        "${FOLDER}/overlays" --overlays 4 RESULT_VARIABLE code OUTPUT_VARIABLE out
                ERROR_VARIABLE err)
if(NOT code EQUAL 0 OR NOT out MATCHES "6 pictures.*VOC: .*mean: [01].*COCO: .*NME: ")
  message(FATAL_ERROR "exit code ${code}: ${out}${err}")
endif()
file(READ "${FOLDER}/figures.json" figures)
foreach(protocol IN ITEMS voc coco nme)
  string(JSON name GET "${figures}" ${protocol} protocol name)
  if(NOT name STREQUAL protocol)
    message(FATAL_ERROR "figures.json has ${name} for ${protocol}")
  endif()
endforeach()
file(GLOB overlays "${FOLDER}/overlays/*.png")
list(LENGTH overlays drawn)
if(NOT drawn EQUAL 4 OR NOT EXISTS "${FOLDER}/curve.png")
  message(FATAL_ERROR "${drawn} overlays were drawn, expected 4, and a curve")
endif()

execute_process(COMMAND "${PROGRAM}" --weights "${WEIGHTS}" ${scenes} --protocol wider
                RESULT_VARIABLE code ERROR_VARIABLE err)
if(NOT code EQUAL 2 OR NOT err MATCHES "--data synthetic: drawn scenes have no subsets, expected the file")
  message(FATAL_ERROR "drawn scenes have no subsets: exit code ${code}: ${err}")
endif()
