# The target `docs` makes a folder of pages, <build>/site: the guides, and a reference of all public
# names. It fails on any name that is not documented. Nothing is downloaded.
find_package(Doxygen 1.9.4 QUIET)
find_package(Python3 3.9 QUIET COMPONENTS Interpreter)
if(NOT DOXYGEN_FOUND OR NOT Python3_FOUND)
  message(STATUS "retinue: no target docs, for want of Doxygen 1.9.4 or Python 3.9")
  return()
endif()

set(RETINUE_SITE "${PROJECT_BINARY_DIR}/site")
configure_file(docs/reference/Doxyfile.in Doxyfile @ONLY)

add_custom_target(
  docs
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${RETINUE_SITE}"
  COMMAND "${Python3_EXECUTABLE}" docs/reference/filter.py --unused include
  COMMAND "${Python3_EXECUTABLE}" docs/reference/module.py "${PROJECT_SOURCE_DIR}" --check
  COMMAND Doxygen::doxygen "${PROJECT_BINARY_DIR}/Doxyfile"
  COMMAND "${Python3_EXECUTABLE}" docs/reference/pages.py "${PROJECT_SOURCE_DIR}" "${RETINUE_SITE}"
  COMMAND "${Python3_EXECUTABLE}" docs/reference/check_links.py "${RETINUE_SITE}"
  COMMAND "${Python3_EXECUTABLE}" docs/reference/check_width.py "${RETINUE_SITE}"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  COMMENT "Pages in ${RETINUE_SITE}"
  VERBATIM)
