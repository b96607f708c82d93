// Requests of a program to the valgrind that runs it. Outside valgrind they do nothing and return 0.
#include <stddef.h>
#include <valgrind/memcheck.h>

void mark_undefined(const void *start, size_t len) { VALGRIND_MAKE_MEM_UNDEFINED(start, len); }
void mark_defined(const void *start, size_t len) { VALGRIND_MAKE_MEM_DEFINED(start, len); }
unsigned get_undefined_bits(const void *start, unsigned char *bits, size_t len) {
    return VALGRIND_GET_VBITS(start, bits, len);
}
size_t count_reports(void) { return VALGRIND_COUNT_ERRORS; }
