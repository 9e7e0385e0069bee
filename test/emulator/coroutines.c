/*===- coroutines.c - stacks, and the change between them
 * ------------------===*/

#include "launch.h"

#include <sys/mman.h>

/* Of a stack only what is used takes memory; below it nothing may be touched.
 */
enum { kStack = 512 << 10, kGuard = 64 << 10 };

static void *scheduler;

#ifndef __x86_64__
#error "the emulated device runs on x86-64: add the change of stacks here"
#endif
/* Saves what a call preserves on the stack, and goes on on another one. */
void change_stack(void **from, void *to);
__asm__(".text\n"
        ".type change_stack, @function\n"
        "change_stack:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n"
        "  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n"
        "  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n");

void let_others_run(void) { change_stack(&self->top, scheduler); }

void run_thread(thread *at) {
  self = at;
  change_stack(&scheduler, at->top);
}

/* Stacks that no thread has: the system takes longer to make one than most
 * threads run. */
static void *unused;
static void **next_of(void *stack) { return (void **)((char *)stack + kGuard); }

void *new_stack(void) {
  void *made = unused;
  if (made) {
    unused = *next_of(made);
    return made;
  }
  made = mmap(NULL, kStack, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (made == MAP_FAILED || mprotect(made, kGuard, PROT_NONE) != 0)
    fault(0, "there is no memory for the stacks of so many threads");
  return made;
}

void free_stack(void *stack) {
  *next_of(stack) = unused;
  unused = stack;
}

void *first_frame(void *stack, void (*begin)(void)) {
  void **top = (void **)((char *)stack + kStack) - 2;
  *top = (void *)begin;
  return top - 6; /* registers */
}
