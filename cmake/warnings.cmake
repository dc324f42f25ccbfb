# The only place where warnings are chosen. A foreign header that warns is included as SYSTEM.
target_compile_options(foreshard_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror)
