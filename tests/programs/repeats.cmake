# cmake -DPROGRAM=show_augmentation -DFOLDER=... -P repeats.cmake
# A sheet of all augmentations is the same once more, and another in another epoch.
foreach(sheet IN ITEMS once again other)
  set(epoch 3)
  if(sheet STREQUAL other)
    set(epoch 4)
  endif()
  execute_process(COMMAND "${PROGRAM}" --size 64 --augment zoom-out,mosaic,mixup,paste,degrade --epoch ${epoch}
                          --out "${FOLDER}/${sheet}.png" OUTPUT_QUIET RESULT_VARIABLE code ERROR_VARIABLE err)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "exit code ${code}: ${err}")
  endif()
  file(SHA256 "${FOLDER}/${sheet}.png" ${sheet})
endforeach()
if(NOT once STREQUAL again OR once STREQUAL other)
  message(FATAL_ERROR "once ${once}, again ${again}, in another epoch ${other}")
endif()
