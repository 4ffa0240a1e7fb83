#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace slipway::app {

// What may stand on a command line, for shells that complete it. A value.
struct CompletionTree {
  // What follows an option, or stands for itself.
  struct Argument {
    enum class Kind : uint8_t { kNone, kWord, kFile, kDirectory, kChoice };
    Kind kind = Kind::kNone;  // kNone: the option is a flag
    std::vector<std::string> choices = {};
    std::string label = {};  // "FILE"
  };
  struct Option {
    std::vector<std::string> names;  // "--json", "-h"
    std::string summary;
    Argument argument;
    bool repeatable = false;
  };
  struct Command {
    std::string name;
    std::string summary;
    std::vector<Option> options;
    std::vector<Argument> positionals;
  };

  std::string program;
  std::vector<Option> options;  // of the program itself
  std::vector<Command> commands;
};

// Walks the commands and options. What an option takes is seen from its type name (FILE, DIR, PATH
// and SRC are completed from the disk) and its check (CLI::IsMember gives choices).
CompletionTree ReadCompletionTree(const CLI::App& root);

// A script for the shell to source.
std::string BashCompletion(const CompletionTree& tree);
std::string ZshCompletion(const CompletionTree& tree);
std::string FishCompletion(const CompletionTree& tree);

}  // namespace slipway::app
