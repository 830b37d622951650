# cmake -DCONAN=... -DRECIPE=... -DCACHE=... -P conan.cmake
# Packs retinue by its recipe, in a cache of this test's own, and builds and runs the recipe's consumer.
set(ENV{CONAN_HOME} "${CACHE}")
set(nothing_in_the_sources -c "tools.cmake.cmake_layout:test_folder=${CACHE}/consumer"
                           -c "tools.cmake.cmaketoolchain:user_presets=")
foreach(step IN ITEMS "profile;detect;--force"
                      "create;${RECIPE};-s;compiler.cppstd=20;--no-remote;${nothing_in_the_sources}")
  execute_process(COMMAND "${CONAN}" ${step} RESULT_VARIABLE status OUTPUT_VARIABLE said
                  ERROR_VARIABLE trouble)
  if(status)
    message(FATAL_ERROR "conan ${step} ended with ${status}\n${said}\n${trouble}")
  endif()
endforeach()
