#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include <api/document_routes.hpp>
#include <api/inquiry.hpp>
#include <api/job_routes.hpp>
#include <api/preset_routes.hpp>
#include <api/uploads.hpp>
#include <api/worker_routes.hpp>
#include <nlohmann/json.hpp>

#include "running_api.hpp"

namespace sg::api::test {

/// A worker that only remembers what it was told.
class FakeWorkers final : public WorkerControl {
  public:
    [[nodiscard]] std::vector<jobs::WorkerStatus> workers() override {
        jobs::WorkerStatus status;
        status.name = "worker-1";
        status.draining = draining;
        status.heavy_slots = 2;
        status.jobs = {"job_secret"};
        status.seen = 1;
        return {status};
    }
    [[nodiscard]] bool drain(std::string_view name) override { return set(name, true); }
    [[nodiscard]] bool resume(std::string_view name) override { return set(name, false); }

  private:
    bool set(std::string_view name, bool value) {
        if (name != "worker-1") return false;
        draining = value;
        return true;
    }
    std::atomic<bool> draining{false};
};

/// The routes of jobs, presets, workers and documents over a server; films lie in media().
class JobApi {
  public:
    explicit JobApi(jobs::SubmissionPolicy policy = {})
        : api({}, [this, policy](RunningApi& running, ApiRouter& router) {
              return mount(running, router, policy);
          }) {}

    [[nodiscard]] std::filesystem::path media() const { return api.folder / "media"; }
    [[nodiscard]] std::string film(const std::string& name = "film.mov") const {
        std::ofstream(media() / name) << "film";
        return (media() / name).string();
    }
    [[nodiscard]] std::string job(const std::string& more = {}) const {
        return R"({"inputs":[")" + film() + "\"]" + more + "}";
    }

    Answer post(const std::string& path, const std::string& body, const std::string& lines = {}) {
        return api.ask_json("POST", path, api.as("news") + lines, body);
    }
    Answer get(const std::string& path) { return api.ask("GET", path, api.as("news")); }
    std::string submit(const std::string& more = {}) {
        const auto answer = post("/v1/jobs", job(more));
        INFO(answer.body);
        REQUIRE(answer.status == 201);
        return parse(answer)["id"];
    }
    static nlohmann::json parse(const Answer& answer) {
        INFO(answer.body);
        auto parsed = nlohmann::json::parse(answer.body, nullptr, false);
        REQUIRE_FALSE(parsed.is_discarded());
        return parsed;
    }

    FakeWorkers workers;
    std::vector<Operation> operations;
    RunningApi api;

  private:
    struct Routes {
        std::optional<jobs::AllowedRoots> roots;
        std::unique_ptr<jobs::Submissions> submissions;
        std::unique_ptr<JobRoutes> jobs;
        std::unique_ptr<PresetRoutes> presets;
    };

    std::shared_ptr<void> mount(RunningApi& running,
                                ApiRouter& router,
                                jobs::SubmissionPolicy policy) {
        auto routes = std::make_shared<Routes>();
        std::filesystem::create_directories(running.folder / "media");
        std::filesystem::create_directories(running.folder / "media" / "data");
        auto roots = jobs::AllowedRoots::open({running.folder / "media"});
        REQUIRE(roots);
        routes->roots.emplace(std::move(*roots));
        policy.data = running.folder / "media" / "data";
        routes->submissions = std::make_unique<jobs::Submissions>(
            policy,
            *routes->roots,
            [](sql::Connection&, std::string_view owner, std::string_view id) -> Result<bool> {
                if (owner == "news" && id == "upl_mine") return true;
                if (owner == "news" && id == "upl_open") return false;
                return Error{Errc::kNotFound, "there is no upload " + std::string(id)};
            },
            running.clock);
        routes->jobs = std::make_unique<JobRoutes>(
            *running.database, *routes->submissions, running.clock, JobRoutesOptions{});
        routes->jobs->add_to(router);
        routes->presets = std::make_unique<PresetRoutes>(*running.database, running.clock);
        routes->presets->add_to(router);
        add_worker_routes(router, workers);
        add_document_routes(router, "1.0");
        operations = router.operations();
        return routes;
    }
};

}  // namespace sg::api::test
