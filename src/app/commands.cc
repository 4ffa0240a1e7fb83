#include "app/bench_command.h"
#include "app/command.h"
#include "app/completion_command.h"
#include "app/doctor_command.h"
#include "app/import_command.h"
#include "app/inspect_command.h"
#include "app/predict_command.h"
#include "app/serve_command.h"
#include "app/status_command.h"
#include "app/version_command.h"
#include "app/worker_command.h"

namespace slipway::app {
namespace {

template <typename T>
std::unique_ptr<Command> Make(const CommandContext& context) {
  return std::make_unique<T>(context);
}

}  // namespace

std::vector<CommandEntry> AllCommands() {
  return {
      {.name = "serve",
       .summary = "Serve models over REST and gRPC",
       .example = "slipway serve model.onnx --listen 127.0.0.1:8000",
       .make = Make<ServeCommand>},
      {.name = "predict",
       .summary = "Ask a model, here or on a server, about the rows of a file",
       .example = "slipway predict models/digits --input images.npz --output answers.csv",
       .make = Make<PredictCommand>},
      {.name = "import",
       .summary = "Turn a model of another framework into ONNX, and prove that it answers the same",
       .example = "slipway import model.joblib -o model.onnx --verify rows.npz",
       .make = Make<ImportCommand>},
      {.name = "inspect",
       .summary = "Show what a model file holds, costs and needs",
       .example = "slipway inspect models/digits",
       .make = Make<InspectCommand>},
      {.name = "status",
       .summary = "Show what a running server serves, and how that goes",
       .example = "slipway status http://127.0.0.1:8000 --watch",
       .make = Make<StatusCommand>},
      {.name = "bench",
       .summary = "Put load on a server and measure latency, throughput and CPU",
       .example =
           "slipway bench http://127.0.0.1:8000 --model digits --duration 10s\n"
           "  slipway bench http://127.0.0.1:8000 --protocol grpc --connections 4 --outstanding 8\n"
           "  slipway bench http://127.0.0.1:8000 --target digits@500 --target churn@50:body.json\n"
           "  slipway bench http://127.0.0.1:8000 --rate 1000 --arrivals gamma:4 --html "
           "report.html\n"
           "  slipway bench http://127.0.0.1:8000 --concurrency 1,2,4,8,16,32\n"
           "  slipway bench http://127.0.0.1:8000 --against http://127.0.0.1:9000 --rate 500",
       .make = Make<BenchCommand>},
      {.name = "doctor",
       .summary = "Check whether this machine can serve well",
       .example = "slipway doctor",
       .make = Make<DoctorCommand>},
      {.name = "completion",
       .summary = "Print a script that completes slipway's options in a shell",
       .example = "source <(slipway completion bash)",
       .make = Make<CompletionCommand>},
      {.name = "version",
       .summary = "Print the versions of slipway and of its engines",
       .example = "slipway version --json",
       .make = Make<VersionCommand>},
      {.name = "worker",
       .summary = "Run a model for a server; servers start it",
       .example = "slipway worker --lanes=2",
       .make = Make<WorkerCommand>,
       .hidden = true},
  };
}

}  // namespace slipway::app
