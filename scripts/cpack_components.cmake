# SPDX-License-Identifier: Apache-2.0
# What each kind of package holds.
set(CPACK_COMPONENTS_ALL program)
if(CPACK_GENERATOR STREQUAL "TGZ")
  list(APPEND CPACK_COMPONENTS_ALL libraries)
endif()
