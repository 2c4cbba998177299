/* signals.c: leaving the GIL for a run, and coming back for a moment now and then so that Ctrl-C is answered. */
#include "module/module.h"

#include <unistd.h>

/* Python runs signal handlers on its main thread only, so other threads need not ask (asking costs a wait for the GIL
 * when other threads compute in Python). In a forked child the main thread is the one that forked: there all ask. */
static int check_signals(void *arg) {
  nv_py_away *away = arg;
  if (away->state->main_thread != PyThread_get_thread_ident() && away->state->pid == (long)getpid()) return 0;
  PyEval_RestoreThread(away->thread);
  int stop = PyErr_CheckSignals();
  away->thread = PyEval_SaveThread();
  return stop;
}

void nv_py_leave(nv_py_away *away, const nv_py_state *state) {
  *away = (nv_py_away){.state = state, .thread = PyEval_SaveThread()};
  away->poll = (nv_poll){check_signals, away};
}

void nv_py_return(nv_py_away *away) { PyEval_RestoreThread(away->thread); }
