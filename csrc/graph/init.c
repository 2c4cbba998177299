/* init.c: start-up and what the library found out about the machine. */
#include "kernels/kernels.h"

nv_status nv_init(void) {
  NV_TRY(nv_kernels_init());
  return nv_threads_init();
}

nv_config nv_get_config(void) {
  return (nv_config){
      .isa = nv_k->isa,
      .isas = nv_kernels_isas(),
      .threads = nv_threads(),
      .cpus = nv_cpu_affinity(),
#ifdef __clang__
      .compiler = "clang " __clang_version__,
#else
      .compiler = "gcc " __VERSION__,
#endif
  };
}
