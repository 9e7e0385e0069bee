//===- Order.cpp - nodes stand after what they read -----------------------===//
//
// ONNX asks for nodes in topological order. A file that keeps to it is checked
// in one pass over its edges. What is wrong with another one, an order that can
// be mended or a cycle, Kahn's algorithm tells.
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Onnx/Importer.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ssmc;

using Nodes = google::protobuf::RepeatedPtrField<proto::NodeProto>;

/// Calls `use` for each name that `node` takes from the scope it stands in: its
/// inputs and the captures of its subgraphs. Graph depth is bounded by the
/// reader.
static void forEachUse(const proto::NodeProto &node,
                       llvm::function_ref<void(StringRef)> use) {
  for (const std::string &input : node.input())
    if (!input.empty())
      use(input);
  auto visit = [&](const proto::GraphProto &graph) {
    llvm::StringSet<> defined;
    for (const auto &input : graph.input())
      defined.insert(input.name());
    for (const auto &initializer : graph.initializer())
      defined.insert(initializer.name());
    for (const auto &inner : graph.node())
      for (const std::string &output : inner.output())
        defined.insert(output);
    auto captured = [&](StringRef name) {
      if (!defined.contains(name))
        use(name);
    };
    for (const auto &inner : graph.node())
      forEachUse(inner, captured);
    for (const auto &output : graph.output())
      captured(output.name());
  };
  for (const auto &attribute : node.attribute()) {
    if (attribute.has_g())
      visit(attribute.g());
    for (const auto &graph : attribute.graphs())
      visit(graph);
  }
}

/// Reports one cycle among the nodes that could not be ordered: from any of
/// them, walking to an unordered producer returns to a node already seen.
static void reportCycle(ImportState &state, const Opsets &opsets,
                        const Nodes &nodes,
                        ArrayRef<std::vector<unsigned>> producers,
                        ArrayRef<unsigned> missing) {
  unsigned at = 0;
  while (missing[at] == 0)
    ++at;
  std::vector<unsigned> path;
  std::vector<bool> seen(nodes.size());
  while (!seen[at]) {
    seen[at] = true;
    path.push_back(at);
    at = *llvm::find_if(producers[at], [&](unsigned p) { return missing[p]; });
  }
  path.erase(path.begin(), llvm::find(path, at));
  InFlightDiagnostic diagnostic =
      emitError(getLocation(state, opsets, nodes[at], at));
  diagnostic << "the node depends on its own result through a cycle of "
             << path.size() << " nodes";
  constexpr size_t kShown = 8;
  for (unsigned node : ArrayRef(path).take_front(kShown))
    diagnostic.attachNote(getLocation(state, opsets, nodes[node], node))
        << "'" << (nodes[node].output_size() ? nodes[node].output(0) : "")
        << "' is on the cycle";
}

LogicalResult ssmc::checkOrder(ImportState &state, const Opsets &opsets,
                               const Nodes &nodes) {
  unsigned count = nodes.size();
  llvm::StringMap<unsigned> producer;
  for (unsigned i = 0; i < count; ++i)
    for (const std::string &output : nodes[i].output()) {
      if (output.empty())
        continue;
      auto [entry, inserted] = producer.try_emplace(output, i);
      if (!inserted) {
        emitError(getLocation(state, opsets, nodes[i], i))
            << "its output '" << output << "' is already an output of node '"
            << nodes[entry->second].name()
            << "'; names of values must be unique";
        return failure();
      }
    }

  std::vector<std::vector<unsigned>> producers(count);
  std::optional<unsigned> early; // reads what a later node computes
  std::string read;
  for (unsigned i = 0; i < count; ++i)
    forEachUse(nodes[i], [&](StringRef name) {
      auto found = producer.find(name);
      if (found == producer.end())
        return;
      producers[i].push_back(found->second);
      if (found->second >= i && !early) {
        early = i;
        read = name.str();
      }
    });
  if (!early)
    return success();

  std::vector<unsigned> missing(count), ready;
  std::vector<std::vector<unsigned>> users(count);
  for (unsigned i = 0; i < count; ++i) {
    missing[i] = producers[i].size();
    for (unsigned p : producers[i])
      users[p].push_back(i);
    if (missing[i] == 0)
      ready.push_back(i);
  }
  unsigned ordered = 0;
  for (; !ready.empty(); ++ordered) {
    unsigned node = ready.back();
    ready.pop_back();
    for (unsigned user : users[node])
      if (--missing[user] == 0)
        ready.push_back(user);
  }
  if (ordered != count) {
    reportCycle(state, opsets, nodes, producers, missing);
    return failure();
  }
  return emitError(getLocation(state, opsets, nodes[*early], *early))
         << "it reads '" << read << "', which node '"
         << nodes[producer.lookup(read)].name()
         << "' computes only after it; ONNX wants nodes in topological order: "
            "sort the graph or export the model again";
}
