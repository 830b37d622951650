# The public weights on real photos: faces of 300 portraits, crowds by WIDER FACE's protocol.
set(weights "${SHARED}/weights/retinaface_mobilenet0.25_Final.pth")
if(NOT EXISTS "${weights}")
  message(STATUS "skipped: RETINUE_SHARED_DIR does not name the folder of weights and photos")
  return()
endif()

function(prints says)
  execute_process(COMMAND "${PROGRAM}" --weights "${weights}" ${ARGN} RESULT_VARIABLE code
                  OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 0 OR NOT out MATCHES "${says}")
    message(FATAL_ERROR "${ARGN}: exit code ${code}, expected '${says}':\n${out}${err}")
  endif()
endfunction()

prints("mean: 0.875.*NME: 0.040.*NME: 0.088" --data "${SHARED}/data/cuhk_faces/val")
prints("easy: 0.750.*medium: 0.65.*hard: 0.44" --data "${SHARED}/data/wider_val416/label.txt"
       --protocol wider)
