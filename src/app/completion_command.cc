#include "app/completion_command.h"

#include <ostream>
#include <vector>

#include "app/completion_script.h"

namespace slipway::app {

void CompletionCommand::Configure(CLI::App& app) {
  app_ = &app;
  app.add_option("shell", shell_, "The shell to complete in")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>{"bash", "zsh", "fish"}));
}

base::Status CompletionCommand::Run() {
  const CLI::App* root = app_;
  while (root->get_parent() != nullptr) root = root->get_parent();
  const CompletionTree tree = ReadCompletionTree(*root);
  if (shell_ == "bash") {
    context_.out << BashCompletion(tree);
  } else {
    context_.out << (shell_ == "zsh" ? ZshCompletion(tree) : FishCompletion(tree));
  }
  return base::OkStatus();
}

}  // namespace slipway::app
