//===- Driver.cpp - the phases of the compiler ----------------------------===//
//
// A phase is a pipeline of passes, so a reproducer of a failed phase is its
// input and the pipeline's text, which `ssm-opt` runs. A failure to read the
// input, and an error that a pass says is the model's (onnx::emitModelError),
// is the user's; all else is ours.
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/Driver.h"

#include "dialects/onnx/OnnxLocation.h"
#include "dialects/onnx/OnnxOps.h"
#include "dialects/ssm/SsmStrategy.h"
#include "lib/Codegen/Codegen.h"
#include "lib/Codegen/CpuTarget.h"
#include "lib/Codegen/Gpu/Device.h"
#include "lib/Conversion/OnnxToLinalg/Passes.h"
#include "lib/Driver/Phases.h"
#include "lib/Driver/Report.h"
#include "lib/Fold/Passes.h"
#include "lib/Import/Onnx/Import.h"
#include "lib/Import/Onnx/Passes.h"
#include "lib/Loops/Passes.h"
#include "lib/Pipelines/Register.h"
#include "lib/Plan/PlanPasses.h"
#include "lib/Raise/RaisePasses.h"
#include "lib/Stream/StreamPasses.h"
#include "lib/Support/Writable.h"
#include "lib/Target/Package.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/Timing.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace ssmc;

struct Compiler::Impl {
  Impl(CompilerOptions options, raw_ostream &log, Compiler::Handler listener)
      : options(std::move(options)), log(log), listener(std::move(listener)),
        context(makeRegistry()), handler(&context, [this](Diagnostic &said) {
          handle(said);
          return success();
        }) {
    // A message about a graph is not to print the graph.
    context.printOpOnDiagnostic(false);
    timing.setEnabled(this->options.time);
    timing.setOutput(
        createOutputStrategy(DefaultTimingManager::OutputFormat::Text, log));
  }

  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAll(registry);
    return registry;
  }

  void handle(Diagnostic &diagnostic);
  StringRef suggest(Diagnostic &diagnostic) const;
  ExitCode compile();
  LogicalResult readInput();
  LogicalResult prepareGraph();
  LogicalResult lowerGraph();
  LogicalResult generateCode();
  LogicalResult generateDeviceCode();
  ExitCode writeCode();
  ExitCode package(StringRef code);
  LogicalResult checkOutput();
  LogicalResult checkDims();
  LogicalResult checkMixers();
  unsigned countPhases() const;
  bool derivesSteps() const {
    return options.entries != std::vector<std::string>{"forward"};
  }
  LogicalResult writeReport();
  LogicalResult writeText();
  LogicalResult writeFile(StringRef path,
                          llvm::function_ref<void(raw_ostream &)> body);
  std::string describe();
  LogicalResult run(StringRef name,
                    llvm::function_ref<void(OpPassManager &)> build) {
    return phases->run(name, *module, build);
  }
  void addPlan(OpPassManager &pm);
  bool stopsAt(Emit emit) const { return options.emit == emit; }

  CompilerOptions options;
  raw_ostream &log;
  Compiler::Handler listener;
  MLIRContext context;
  unsigned modelErrors = 0, ownErrors = 0;
  ScopedDiagnosticHandler handler;
  DefaultTimingManager timing;
  std::unique_ptr<PhaseRunner> phases;
  OwningOpRef<ModuleOp> module;
  CpuTarget cpu;
  DeviceCode device;
  bool isGraph = false;
};

//===----------------------------------------------------------------------===//
// Diagnostics
//===----------------------------------------------------------------------===//

void Compiler::Impl::handle(Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
    ++(onnx::isModelError(diagnostic) ? modelErrors : ownErrors);
  if (diagnostic.getSeverity() == DiagnosticSeverity::Remark)
    return;
  if (listener)
    listener(diagnostic, suggest(diagnostic));
  else
    onnx::printDiagnostic(diagnostic, log);
}

/// What can be done about most errors of a phase.
StringRef Compiler::Impl::suggest(Diagnostic &diagnostic) const {
  if (!phases || diagnostic.getSeverity() != DiagnosticSeverity::Error)
    return "";
  StringRef phase = phases->getPhase();
  // A command line that names no model, or does not fit the one it names.
  if (phase == "import" && !options.model &&
      !llvm::sys::fs::is_regular_file(options.input))
    return "give the path of an ONNX model, or of a .mlir file";
  if (phase == "import" && module)
    return isGraph ? "write --dim=INPUT:AXIS=NAME with an input of the model "
                     "and one of its axes, counted from 0"
                   : "";
  if (phase == "import")
    return "onnx.checker.check_model tells whether the file is at fault: then "
           "export the model again";
  if (!onnx::isModelError(diagnostic))
    return "";
  if (phase == "lengths")
    return "leave the extent as it was traced, or export the model with this "
           "dimension dynamic";
  return "onnx.checker.check_model(path, full_check=True) tells whether the "
         "node is at fault: then export the model again";
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

/// Printed IR leaves out the bytes of large constants.
static LogicalResult checkConstants(ModuleOp module) {
  auto walked = module.walk([](Operation *op) -> WalkResult {
    for (NamedAttribute attr : op->getAttrs())
      if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr.getValue()))
        if (!resource.getRawHandle().getBlob())
          return onnx::emitModelError(op->getLoc())
                 << "the constant '" << resource.getRawHandle().getKey()
                 << "' has no bytes in this file: compile the model that it "
                    "was printed from";
    return WalkResult::advance();
  });
  return failure(walked.wasInterrupted());
}

LogicalResult Compiler::Impl::readInput() {
  LogicalResult read =
      phases->call("import", ModuleOp(), [&]() -> LogicalResult {
        if (!options.model && StringRef(options.input).ends_with(".mlir")) {
          module = parseSourceFile<ModuleOp>(options.input, &context);
          if (!module || failed(checkConstants(*module)))
            return failure();
          isGraph =
              module->walk([](onnx::NodeOp) { return WalkResult::interrupt(); })
                  .wasInterrupted();
          return success();
        }
        ImportOptions import;
        import.externalDataDir = options.externalDataDir;
        module = options.model ? importOnnx(*options.model, options.input,
                                            &context, import)
                               : importOnnx(options.input, &context, import);
        isGraph = true;
        return success(bool(module));
      });
  return failed(read) ? failure() : phases->dump("import", *module);
}

/// How each mixer is computed. The reference level chooses nothing.
void Compiler::Impl::addPlan(OpPassManager &pm) {
  SsmPlanOptions plan;
  plan.cpu = options.cpu;
  plan.threads = options.threads;
  plan.choose = options.optLevel > 0;
  plan.strategies.assign(options.strategies.begin(), options.strategies.end());
  pm.addPass(createSsmPlan(std::move(plan)));
}

LogicalResult Compiler::Impl::prepareGraph() {
  if (failed(run("simplify", [](OpPassManager &pm) {
        pm.addPass(createOnnxInlineFunctions());
        pm.addPass(createOnnxExpandContrib());
        pm.addPass(createOnnxUpdateScans());
        pm.addPass(createOnnxReportUnsupported());
        pm.addPass(createOnnxInferShapes());
        pm.addPass(createOnnxLoopToScan());
        pm.addPass(createOnnxFold());
        pm.addPass(createOnnxSimplify());
        pm.addPass(createOnnxCancelPads());
      })))
    return failure();
  if (stopsAt(Emit::Onnx))
    return success();
  if (options.raise && failed(run("raise", [&](OpPassManager &pm) {
        pm.addPass(createSsmRaise());
        // What raising removed stood between transposes that now cancel.
        pm.addPass(createOnnxSimplify());
        pm.addPass(createOnnxFold());
        if (options.dims.empty())
          addPlan(pm);
      })))
    return failure();
  if (!options.dims.empty() && failed(run("lengths", [&](OpPassManager &pm) {
        OnnxFreeLengthsOptions lengths;
        for (const LengthRequest &dim : options.dims)
          lengths.dims.push_back(dim.text);
        pm.addPass(createOnnxFreeLengths(std::move(lengths)));
        pm.addPass(createOnnxFold());
        addPlan(pm);
      })))
    return failure();
  if (!derivesSteps())
    return success();
  return run("steps", [&](OpPassManager &pm) {
    SsmDeriveStepsOptions steps;
    steps.entries.assign(options.entries.begin(), options.entries.end());
    steps.maxLength = options.maxLength;
    pm.addPass(createSsmDeriveSteps(std::move(steps)));
    pm.addPass(createOnnxFold());
    addPlan(pm);
  });
}

LogicalResult Compiler::Impl::lowerGraph() {
  return run("lower", [](OpPassManager &pm) {
    pm.addPass(createConvertOnnxToLinalg());
  });
}

LogicalResult Compiler::Impl::generateCode() {
  CodegenOptions codegen{options.optLevel, options.cpu, options.weights,
                         options.products, options.target};
  if (failed(run("codegen", [&](OpPassManager &pm) {
        // Of the mixers that came up since, and of those in a .mlir file.
        addPlan(pm);
        buildTilingPipeline(pm, codegen);
      })))
    return failure();
  if (stopsAt(Emit::Tiled))
    return success();
  if (failed(run("llvm", [&](OpPassManager &pm) {
        buildLoweringPipeline(pm, codegen);
      })))
    return failure();
  if (!GpuTarget::isGpu(options.target))
    return success();
  return phases->call("device", *module, [&] { return generateDeviceCode(); });
}

/// PTX, and machine code where there is an assembler.
LogicalResult Compiler::Impl::generateDeviceCode() {
  FailureOr<GpuTarget> target = GpuTarget::get(options.target);
  if (failed(target))
    return emitError(module->getLoc(), "unknown target ") << options.target;
  FailureOr<DeviceCode> code = emitDevice(*module, *target, options.optLevel);
  if (failed(code))
    return failure();
  device = std::move(*code);
  std::string ptxas = findPtxas();
  if (ptxas.empty() || device.ptx.empty() || !stopsAt(Emit::Lib))
    return success();
  llvm::Expected<std::string> cubin = assemblePtx(ptxas, *target, device.ptx);
  if (!cubin) {
    // The driver can do it, too, and one newer than this assembler will.
    emitWarning(module->getLoc())
        << "the model carries no machine code for the GPU, which drivers make "
           "of its PTX when they load it: "
        << llvm::toString(cubin.takeError());
    return success();
  }
  device.cubin = std::move(*cubin);
  return success();
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

LogicalResult
Compiler::Impl::writeFile(StringRef path,
                          llvm::function_ref<void(raw_ostream &)> body) {
  if (path == "-") {
    body(llvm::outs());
    llvm::outs().flush();
    std::error_code error = llvm::outs().error();
    llvm::outs().clear_error();
    if (!error)
      return success();
    return emitError(UnknownLoc::get(&context))
           << "standard output: " << error.message();
  }
  llvm::Error error = llvm::writeToOutput(path, [&](raw_ostream &os) {
    body(os);
    os.flush();
    // A full disk: a stream with an error that nobody has asked for aborts.
    auto &file = static_cast<llvm::raw_fd_ostream &>(os);
    std::error_code error = file.error();
    file.clear_error();
    return llvm::errorCodeToError(error);
  });
  if (!error)
    return success();
  return emitError(UnknownLoc::get(&context))
         << path.str() << ": " << llvm::toString(std::move(error));
}

LogicalResult Compiler::Impl::writeText() {
  return writeFile(options.output, [&](raw_ostream &os) {
    // Weights stay in the model: text is for reading.
    module->print(
        os, OpPrintingFlags().elideLargeResourceString(onnx::kInlineBytes));
    os << "\n";
  });
}

ExitCode Compiler::Impl::writeCode() {
  if (stopsAt(Emit::Ptx))
    return succeeded(writeFile(options.output,
                               [&](raw_ostream &os) { os << device.ptx; }))
               ? kDone
               : kBadInput;
  SmallString<0> code;
  llvm::raw_svector_ostream os(code);
  CodegenOptions codegen{options.optLevel, options.cpu, options.weights,
                         options.products, options.target};
  CodeKind kind = stopsAt(Emit::Llvm)  ? CodeKind::LLVM
                  : stopsAt(Emit::Asm) ? CodeKind::Assembly
                                       : CodeKind::Object;
  if (failed(phases->call("optimize", *module, [&] {
        return emitCode(*module, codegen, kind, os);
      })))
    return kInternalError;
  if (stopsAt(Emit::Lib))
    return package(code);
  return succeeded(
             writeFile(options.output, [&](raw_ostream &os) { os << code; }))
             ? kDone
             : kBadInput;
}

ExitCode Compiler::Impl::package(StringRef code) {
  PackageOptions package;
  package.output = options.output;
  package.source = llvm::sys::path::filename(options.input).str();
  package.info = describe();
  package.maxInlineWeights = options.maxInlineWeights;
  package.triple = cpu.triple;
  package.cpu = cpu.name;
  package.baseline = cpu.baseline;
  package.features = cpu.features;
  package.deviceTarget = device.target;
  package.ptx = device.ptx;
  package.cubin = device.cubin;
  package.deviceKernels = device.kernels;
  PackageResult result = PackageResult::Done;
  LogicalResult done = phases->call("package", ModuleOp(), [&] {
    result = packageModel(*module, code, package);
    return success(result == PackageResult::Done);
  });
  if (succeeded(done))
    return kDone;
  return result == PackageResult::BadOutput ? kBadInput : kInternalError;
}

/// The JSON that a model carries.
std::string Compiler::Impl::describe() {
  llvm::json::Object info{
      {"compiler", SSMC_VERSION},
      {"llvm", LLVM_VERSION_STRING},
      {"source", llvm::json::fixUTF8(llvm::sys::path::filename(options.input))},
      {"command", llvm::json::fixUTF8(options.command)},
      {"cpu", cpu.name},
      {"target", options.target},
      {"opt_level", options.optLevel}};
  if (auto report = (*module)->getAttr("ssmc.report"))
    info["raise"] = toJson(report);
  if (auto lengths = (*module)->getAttr("ssmc.lengths"))
    info["lengths"] = toJson(lengths);
  if (auto plan = (*module)->getAttr("ssmc.plan"))
    info["plan"] = toJson(plan);
  return llvm::formatv("{0:2}", llvm::json::Value(std::move(info)));
}

LogicalResult Compiler::Impl::writeReport() {
  auto report = (*module)->getAttrOfType<ArrayAttr>("ssmc.report");
  if (!options.report || !isGraph)
    return success();
  if (options.reportFile.empty()) {
    printReport(report, log);
    printLengths((*module)->getAttrOfType<ArrayAttr>("ssmc.lengths"), log);
    printPlan((*module)->getAttrOfType<ArrayAttr>("ssmc.plan"), log);
    if (&log != &llvm::errs())
      return success();
    std::error_code error = llvm::errs().error();
    if (!error)
      return success();
    return emitError(UnknownLoc::get(&context))
           << "the report cannot be written: " << error.message();
  }
  llvm::json::Value json = llvm::json::Object{
      {"model", llvm::json::fixUTF8(options.input)},
      {"raise", report ? toJson(report) : llvm::json::Array()}};
  if (auto lengths = (*module)->getAttr("ssmc.lengths"))
    (*json.getAsObject())["lengths"] = toJson(lengths);
  if (auto plan = (*module)->getAttr("ssmc.plan"))
    (*json.getAsObject())["plan"] = toJson(plan);
  return writeFile(options.reportFile, [&](raw_ostream &os) {
    os << llvm::formatv("{0:2}", json) << "\n";
  });
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

LogicalResult Compiler::Impl::checkOutput() {
  auto fail = [&](const Twine &reason) {
    return emitError(UnknownLoc::get(&context)) << reason;
  };
  for (std::string *output : {&options.output, &options.reportFile}) {
    if (output->empty() || *output == "-")
      continue;
    if (std::string fault = whyNotWritable(*output); !fault.empty())
      return fail(fault);
  }
  if (!options.dumpDir.empty())
    if (std::error_code error =
            llvm::sys::fs::create_directories(options.dumpDir))
      return fail("cannot write " + options.dumpDir + ": " + error.message());
  return success();
}

/// Inputs and axes that --dim names are looked up before the work.
LogicalResult Compiler::Impl::checkDims() {
  for (auto graph : module->getOps<func::FuncOp>())
    if (graph.isPublic() && !graph.isExternal())
      for (const LengthRequest &dim : options.dims)
        if (std::string fault = whyNotPresent(dim, graph); !fault.empty())
          return emitError(graph.getLoc())
                 << "--dim " << dim.text << ": " << fault;
  return success();
}

/// A strategy for a mixer that the model does not have would have no effect.
LogicalResult Compiler::Impl::checkMixers() {
  llvm::SetVector<StringRef> present;
  module->walk([&](ssm::MixerOpInterface op) {
    if (!ssm::getStrategies(op).empty())
      present.insert(op->getName().stripDialect());
  });
  for (StringRef text : options.strategies)
    if (!present.contains(text.split(':').first))
      return emitError(module->getLoc())
             << "--strategy=" << text << ": the model has no such mixer"
             << (present.empty() ? ", and none that has strategies"
                                 : "; it has: ")
             << llvm::join(present, ", ");
  return success();
}

unsigned Compiler::Impl::countPhases() const {
  unsigned count = 1; // import
  if (isGraph) {
    count += 1;
    if (options.emit > Emit::Onnx)
      count += options.raise + !options.dims.empty() + derivesSteps();
    if (options.emit > Emit::Ssm)
      count += 1;
  }
  if (options.emit > Emit::Linalg)
    count += 1;
  if (options.emit > Emit::Tiled)
    count += GpuTarget::isGpu(options.target) + (stopsAt(Emit::Ptx)   ? 1
                                                 : stopsAt(Emit::Lib) ? 3
                                                                      : 2);
  return count;
}

ExitCode Compiler::Impl::compile() {
  if (failed(checkOutput()))
    return kUsage;
  if (failed(readInput()))
    return kBadInput;
  if (!isGraph && (!options.dims.empty() || options.report || derivesSteps() ||
                   options.emit < Emit::Linalg)) {
    emitError(module->getLoc(),
              "this is not an ONNX graph any more: --dim, --entry, --report, "
              "--emit=onnx and --emit=ssm need one");
    return kUsage;
  }
  if (failed(checkDims()))
    return kUsage;
  auto give = [&](LogicalResult result) {
    return succeeded(result) ? kDone : kBadInput;
  };
  // Passes read what the user wrote and what they made of it. Only what they
  // say of the model is a fault of the model; what a verifier finds, or a
  // failure without a message, is ours.
  auto blame = [&] {
    bool model = modelErrors > 0 && ownErrors == 0;
    return model || phases->cannotDump() ? kBadInput : kInternalError;
  };
  if (isGraph) {
    if (failed(prepareGraph()))
      return blame();
    if (stopsAt(Emit::Onnx))
      return give(writeText());
    if (failed(writeReport()))
      return kBadInput;
    if (stopsAt(Emit::Ssm) && failed(checkMixers()))
      return kUsage;
    if (stopsAt(Emit::Ssm))
      return give(writeText());
    if (failed(lowerGraph()))
      return blame();
  }
  if (failed(checkMixers()))
    return kUsage;
  if (options.emit <= Emit::Linalg)
    return give(writeText());
  if (failed(generateCode()))
    return blame();
  if (stopsAt(Emit::Tiled))
    return give(writeText());
  return writeCode();
}

Compiler::Compiler(CompilerOptions options, raw_ostream &log, Handler handler)
    : impl(std::make_unique<Impl>(std::move(options), log,
                                  std::move(handler))) {}

Compiler::~Compiler() = default;

ExitCode Compiler::run() {
  Location loc = UnknownLoc::get(&impl->context);
  FailureOr<CpuTarget> cpu = resolveCpu(impl->options.cpu, loc);
  if (failed(cpu))
    return kUsage;
  impl->cpu = *cpu;
  TimingScope timing = impl->timing.getRootScope();
  PhaseRunner::Options options;
  options.progress = impl->options.progress;
  options.dumpDir = impl->options.dumpDir;
  options.failIn = impl->options.failIn;
  options.numPhases = [this] { return impl->countPhases(); };
  impl->phases =
      std::make_unique<PhaseRunner>(std::move(options), timing, impl->log);
  if (impl->options.progress)
    impl->log << "ssmc: compiling for " << impl->cpu.name << "\n";
  ExitCode code = impl->compile();
  if (code == kInternalError)
    impl->phases->writeReproducer();
  impl->phases.reset();
  timing.stop();
  impl->timing.print();
  return code;
}

void Compiler::writeReproducer() {
  if (impl->phases)
    impl->phases->writeReproducer();
}
