//===- PlanPasses.td - passes that choose strategies ----------*- tablegen -*-===//

#ifndef PLAN_PASSES_TD
#define PLAN_PASSES_TD

include "mlir/Pass/PassBase.td"

def SsmPlan : Pass<"ssm-plan"> {
  let summary = "Choose how each mixer is computed";
  let description = [{
    For every mixer on tensors that has more than one strategy, estimates what
    each would cost on the processor (lib/Plan/Work.h) and gives the op the
    attribute `ssm.strategy` of the cheapest, with the size of its chunks. An
    attribute that is there stays; one that is asked for with `strategies` is
    written over it. With several `threads`, what they can do at once counts
    for less, so that time is cut into pieces where rows are few. An extent that is not known is taken as `assume` says, a
    length of 512 and one batch row by default.

    The operation gets the attribute `ssmc.plan`, an array with an entry for
    each kind of decision: the op, how many of it there are, the strategy and
    whether a kernel computes it, what was assumed, the estimates of all
    strategies (operations, bytes, exponentials, cycles), and the least
    operations and bytes that one of them has, exponentials counted in.
  }];
  let options = [
    Option<"cpu", "cpu", "std::string", "\"host\"",
           "LLVM name of the CPU, or 'host'">,
    Option<"threads", "threads", "unsigned", "1",
           "threads that a run may use">,
    Option<"choose", "choose", "bool", "true",
           "choose where nothing is asked for">,
    ListOption<"strategies", "strategies", "std::string",
               "MIXER:STRATEGY to be used, as in scan:recurrent">,
    ListOption<"assume", "assume", "std::string",
               "EXTENT=NUMBER where it is not known, as in L=512">
  ];
  let dependentDialects = ["::mlir::ssm::SsmDialect"];
}

#endif // PLAN_PASSES_TD
