# cmake -DCONAN=... -DRECIPE=... -DCACHE=... -P conan.cmake
# Packs retinue by its recipe, in a cache of this test's own, and builds the recipe's consumer.
set(ENV{CONAN_HOME} "${CACHE}")
foreach(step IN ITEMS "profile;detect;--force" "create;${RECIPE};-s;compiler.cppstd=20;--no-remote")
  execute_process(COMMAND "${CONAN}" ${step} RESULT_VARIABLE status OUTPUT_VARIABLE said
                  ERROR_VARIABLE trouble)
  if(status)
    message(FATAL_ERROR "conan ${step} ended with ${status}\n${said}\n${trouble}")
  endif()
endforeach()
