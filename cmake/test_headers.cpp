// Compiled for the headers that the tests share (foreshard_compile_quickly of targets.cmake).
