#pragma once

#include <ostream>
#include <span>

#include "app/command.h"
#include "app/doctor_check.h"

namespace slipway::app {

// slipway doctor: whether this machine can serve, and what would make it better at that. Exit
// status 0 unless something prevents serving (kFailedPrecondition).
class DoctorCommand final : public Command {
 public:
  using Command::Command;
  void Configure(CLI::App& app) override;
  base::Status Run() override;

 private:
  bool json_ = false;
};

// One line for each check, "ok    memory  21 GiB", with the advice below where there is one.
void PrintChecks(std::span<const DoctorCheck> checks, std::ostream& out);
// kFailedPrecondition that names the checks that failed.
base::Status Verdict(std::span<const DoctorCheck> checks);

}  // namespace slipway::app
