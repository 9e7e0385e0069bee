//===- Arrays.cpp - the arrays that a command line names ------------------===//

#include "lib/Support/Arrays.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"

using namespace llvm;
using namespace ssmc;

Expected<ArrayArgument> ssmc::parseArrayArgument(StringRef text) {
  ArrayArgument argument;
  StringRef rest = text;
  if (!text.starts_with("@")) {
    // A value's name may hold any character: the sign before the file counts.
    size_t sign = text.find("=@");
    if (sign == StringRef::npos)
      sign = text.rfind('=');
    argument.name = text.take_front(sign).str();
    rest = sign == StringRef::npos ? "" : text.drop_front(sign + 1);
  }
  if (rest.consume_front("random") && !argument.name.empty()) {
    argument.random = true;
    if (rest.empty() ||
        (rest.consume_front(":") && !rest.getAsInteger(10, argument.seed)))
      return argument;
  } else if (rest.consume_front("@") && !rest.empty()) {
    // The archive's name ends in .npz; what follows is a key.
    size_t key = rest.find(".npz:");
    if (key != StringRef::npos) {
      argument.key = rest.drop_front(key + 5).str();
      rest = rest.take_front(key + 4);
    }
    argument.file = rest.str();
    bool archive = rest.ends_with(".npz");
    if ((archive || rest.ends_with(".npy")) &&
        (archive || !argument.name.empty()) &&
        (argument.key.empty() || !argument.name.empty()))
      return argument;
  }
  return usageError("'" + text +
                    "' is not NAME=@FILE.npy, "
                    "NAME=@FILE.npz[:KEY], NAME=random[:SEED] or @FILE.npz");
}

Expected<const std::vector<NamedArray> *> ArraySource::archive(StringRef path) {
  auto known = archives.find(path);
  if (known != archives.end())
    return &known->second;
  Expected<std::vector<NamedArray>> arrays = readNpz(path);
  if (!arrays)
    return arrays.takeError();
  return &(archives[path] = std::move(*arrays));
}

Error ArraySource::add(StringRef text) {
  Expected<ArrayArgument> argument = parseArrayArgument(text);
  if (!argument)
    return argument.takeError();
  const std::string &name = argument->name;
  if (!name.empty() && !is_contained(names, name))
    return usageError("the model has no '" + name + "': it has " +
                      join(names, ", "));
  if (argument->random) {
    arrays[name] = {std::nullopt, argument->seed};
    return Error::success();
  }
  if (StringRef(argument->file).ends_with(".npy")) {
    Expected<NpyArray> array = readNpy(argument->file);
    if (!array)
      return array.takeError();
    arrays[name] = {std::move(*array), 0};
    return Error::success();
  }
  auto all = archive(argument->file);
  if (!all)
    return all.takeError();
  if (name.empty()) {
    for (const NamedArray &named : **all) {
      StringRef key = named.name;
      if (!is_contained(names, key))
        key.consume_front(prefix);
      if (is_contained(names, key))
        arrays[key] = {named.array, 0};
      else
        unused.push_back(named.name);
    }
    return Error::success();
  }
  StringRef key = argument->key.empty() ? name : argument->key;
  for (const NamedArray &named : **all) {
    if (named.name != key)
      continue;
    arrays[name] = {named.array, 0};
    return Error::success();
  }
  return usageError(
      argument->file + " has no array '" + key + "': it has " +
      join(map_range(**all, [](const NamedArray &named) { return named.name; }),
           ", "));
}

const NpyArray *ArraySource::find(StringRef name) const {
  auto given = arrays.find(name);
  return given != arrays.end() && given->second.array ? &*given->second.array
                                                      : nullptr;
}

std::optional<uint64_t> ArraySource::findSeed(StringRef name) const {
  auto given = arrays.find(name);
  if (given == arrays.end() || given->second.array)
    return std::nullopt;
  return given->second.seed;
}

bool ssmc::parseArrayCommandLine(int argc, char **argv, StringRef overview) {
  std::vector<std::string> joined;
  for (StringRef argument : ArrayRef(argv, argc)) {
    if (argument.starts_with("@") && !joined.empty() &&
        StringRef(joined.back()).starts_with("-"))
      joined.back() += "=" + argument.str();
    else
      joined.push_back(argument.str());
  }
  SmallVector<const char *> pointers;
  for (const std::string &argument : joined)
    pointers.push_back(argument.c_str());
  return cl::ParseCommandLineOptions(pointers.size(), pointers.data(), overview,
                                     &errs());
}
