/*===- memory.h - memory of the emulated device -------------------------===*/

#ifndef SSMC_EMULATOR_MEMORY_H
#define SSMC_EMULATOR_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Memory whose content is not numbers, aligned to 256 bytes, or 0. */
uint64_t take_memory(size_t bytes);
/* Whether there was something at `at`. */
int give_memory(uint64_t at);
/* Whether so many bytes lie in one piece of memory. */
int is_device_memory(uint64_t at, size_t bytes);

#endif /* SSMC_EMULATOR_MEMORY_H */
