# Build rules shared by every folder of the project.

# Warnings, section and link options of all our targets. MLIR's headers are
# system headers, so -Werror is about our own code only.
function(ssmc_target_options target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wno-unused-parameter -Werror
    -ffunction-sections -fdata-sections)
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
  if(SSMC_SANITIZE)
    target_compile_options(${target} PRIVATE
      -fsanitize=${SSMC_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${SSMC_SANITIZE})
  endif()
endfunction()

# One precompiled header of the MLIR core serves every C++ library: it takes
# most of the cost of a translation unit.
add_library(SsmPch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
ssmc_target_options(SsmPch)
target_precompile_headers(SsmPch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
target_compile_options(SsmPch PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
# The precompiled header names its build folder, so its bytes differ between
# checkouts. ccache takes this sum for it instead.
file(SHA256 ${CMAKE_SOURCE_DIR}/cmake/pch.h SSMC_PCH_SUM)
file(WRITE ${CMAKE_BINARY_DIR}/CMakeFiles/SsmPch.dir/cmake_pch.hxx.pch.sum
  "${SSMC_PCH_SUM} ${LLVM_PACKAGE_VERSION}\n")

# ssmc_library(Name SOURCES... DEPENDS generated-targets... LINK libraries...)
function(ssmc_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  ssmc_target_options(${name})
  # Named relative to the build folder, where compilers run, so that the
  # command is the same in every checkout and ccache recognises it.
  add_dependencies(${name} SsmPch)
  set_source_files_properties(${ARG_UNPARSED_ARGUMENTS} PROPERTIES
    OBJECT_DEPENDS ${CMAKE_BINARY_DIR}/CMakeFiles/SsmPch.dir/cmake_pch.hxx.pch)
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:
    SHELL:-include-pch CMakeFiles/SsmPch.dir/cmake_pch.hxx.pch>)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK})
endfunction()

# ssmc_tool(name SOURCES... LINK libraries...): a program linked with libMLIR.
function(ssmc_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  ssmc_target_options(${name})
  target_link_options(${name} PRIVATE -Wl,--gc-sections -fuse-ld=lld)
  target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
endfunction()

# ssmc_dialect(Prefix namespace): declarations and definitions that tablegen
# makes of <Prefix>Ops.td: ops, types, attributes, enums and the dialect itself.
function(ssmc_dialect prefix namespace)
  set(LLVM_TARGET_DEFINITIONS ${prefix}Ops.td)
  mlir_tablegen(${prefix}Ops.h.inc -gen-op-decls)
  mlir_tablegen(${prefix}Ops.cpp.inc -gen-op-defs)
  mlir_tablegen(${prefix}Types.h.inc -gen-typedef-decls -typedefs-dialect=${namespace})
  mlir_tablegen(${prefix}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${namespace})
  mlir_tablegen(${prefix}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${namespace})
  mlir_tablegen(${prefix}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${namespace})
  mlir_tablegen(${prefix}Enums.h.inc -gen-enum-decls)
  mlir_tablegen(${prefix}Enums.cpp.inc -gen-enum-defs)
  mlir_tablegen(${prefix}Dialect.h.inc -gen-dialect-decls -dialect=${namespace})
  mlir_tablegen(${prefix}Dialect.cpp.inc -gen-dialect-defs -dialect=${namespace})
  add_public_tablegen_target(${prefix}OpsIncGen)
endfunction()

# ssmc_passes(Prefix): pass declarations made of <Prefix>Passes.td.
function(ssmc_passes prefix)
  set(LLVM_TARGET_DEFINITIONS ${prefix}Passes.td)
  mlir_tablegen(${prefix}Passes.h.inc -gen-pass-decls -name=${prefix})
  add_public_tablegen_target(${prefix}PassesIncGen)
endfunction()
