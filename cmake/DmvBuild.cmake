# Flags and the two functions that make rooms and executables.

# -Wformat-nonliteral: every format is a literal or a checked attribute. -Wvla: stack use is bounded.
# -Wswitch-enum: a new outcome has to be handled wherever outcomes are told apart.
add_compile_options(
  -Wall -Wextra -Wtype-limits -Wshadow -Wformat=2 -Wformat-nonliteral -Wvla -Wmissing-prototypes
  -Wstrict-prototypes -Wold-style-definition -Wswitch-enum -Wpointer-arith -Wwrite-strings -Wundef
  -Wcast-align -Wredundant-decls -Wnested-externs -Wimplicit-fallthrough -Wnull-dereference
  -fno-common -fstack-protector-strong -fstack-clash-protection -fvisibility=hidden)
add_compile_definitions(_GNU_SOURCE _FILE_OFFSET_BITS=64 _TIME_BITS=64)
add_link_options(-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()

if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wlogical-op -Wduplicated-cond -Wduplicated-branches)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_compile_options(-fcf-protection=full)
endif()
if(DMV_WERROR)
  add_compile_options(-Werror)
endif()
if(DMV_FUZZ)
  # coverage for libFuzzer everywhere, and for llvm-cov (tests/fuzz/run); the fuzzer itself only where it is linked
  add_compile_options(-fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate)
endif()
if(DMV_SANITIZE OR DMV_FUZZ)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

include_directories(${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src/lib ${CMAKE_SOURCE_DIR}/src
                    ${CMAKE_BINARY_DIR}/generated)

# dmv_use(<target> <pkg-config module>...): compile and link against libraries found by pkg-config.
function(dmv_use target)
  foreach(module ${ARGN})
    string(MAKE_C_IDENTIFIER "PC_${module}" var)
    pkg_check_modules(${var} REQUIRED IMPORTED_TARGET GLOBAL ${module})
    target_link_libraries(${target} PUBLIC PkgConfig::${var})
  endforeach()
endfunction()

# dmv_room(<name> <folder> [PKGS modules...] [DEPS rooms...]): one static library from the .c files of a folder,
# main.c left out.
function(dmv_room name folder)
  cmake_parse_arguments(ROOM "" "" "PKGS;DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.c)
  list(FILTER sources EXCLUDE REGEX "/main\\.c$")
  if(NOT sources)
    add_library(dmv_${name} INTERFACE)
    return()
  endif()
  add_library(dmv_${name} STATIC ${sources})
  dmv_use(dmv_${name} ${ROOM_PKGS})
  foreach(dep ${ROOM_DEPS})
    target_link_libraries(dmv_${name} PUBLIC dmv_${dep})
  endforeach()
endfunction()

# dmv_executable(<name> <folder> <room>... ): folder/main.c plus rooms.
function(dmv_executable name folder)
  if(NOT EXISTS ${folder}/main.c)
    return()
  endif()
  add_executable(${name} ${folder}/main.c)
  foreach(dep ${ARGN})
    target_link_libraries(${name} PRIVATE dmv_${dep})
  endforeach()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# dmv_embed(<target> <file> <symbol>): the bytes of a text file as `const char symbol[]`, NUL-terminated.
function(dmv_embed target file symbol)
  set(out ${CMAKE_BINARY_DIR}/generated/embed-${symbol}.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DIN=${file} -DOUT=${out} -DSYMBOL=${symbol} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${file} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
