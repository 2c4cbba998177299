/* check.h: the C tests' one assertion. A test program returns check_done(). */
#ifndef NV_CHECK_H
#define NV_CHECK_H

#include <stdbool.h>
#include <stdio.h>

static int check_failures;
/* Prints the place, the condition and a message; true if it holds. Stops printing after 20. */
#define CHECK(condition, ...)                                                                                          \
  ((condition) ? true                                                                                                  \
               : (++check_failures <= 20 ? (void)(fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition),      \
                                                  fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))                   \
                                         : (void)0,                                                                    \
                  false))
static inline int check_done(void) {
  if (check_failures) fprintf(stderr, "%d checks failed\n", check_failures);
  return check_failures != 0;
}

#endif
