#include <string>
#include <utility>

#include <pipeline/graph.hpp>
#include <support/catch.hpp>

#include "made_up_stages.hpp"

using namespace sg;
using namespace sg::pipeline;
using Node = GraphBuilder::Node;

namespace {

struct Build {
    GraphBuilder builder;
    test::Seen seen;

    Node source(const char* name, int outputs = 1) {
        return builder.add_source(name, test::interleaved(outputs, 1, 1), outputs);
    }
    Node pass(const char* name) { return builder.add_stage(name, test::pass(), 1, 1); }
    Node sink(const char* name, int inputs = 1) {
        return builder.add_stage(name, test::sink(seen), inputs, 0);
    }
    /// The refusal's text; empty when the graph is good.
    std::string refusal() {
        auto graph = std::move(builder).build();
        if (graph) return {};
        CHECK(graph.error().code == Errc::kInvalidArgument);
        return graph.error().message;
    }
};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("graph: direct calls and edges that fit are accepted", "[pipeline]") {
    Build b;
    const auto in = b.source("in", 2);
    const auto decode = b.pass("decode");
    const auto mux = b.sink("mux", 3);
    b.builder.connect(in, 0, decode, 0, EdgeOptions{});
    b.builder.connect(in, 1, mux, 1, EdgeOptions{});
    b.builder.connect(decode, 0, mux, 0, EdgeOptions{});
    b.builder.connect(decode, 0, mux, 2, EdgeOptions{});
    CHECK(b.refusal().empty());
}

TEST_CASE("graph: a port left open is named", "[pipeline]") {
    SECTION("output") {
        Build b;
        const auto in = b.source("in", 2);
        b.builder.connect(in, 0, b.sink("out"), 0);
        CHECK(has(b.refusal(), "output 1 of 'in'"));
    }
    SECTION("input") {
        Build b;
        const auto in = b.source("in");
        b.builder.connect(in, 0, b.sink("out", 2), 1);
        CHECK(has(b.refusal(), "input 0 of 'out'"));
    }
    SECTION("input joined twice") {
        Build b;
        const auto in = b.source("in", 2);
        const auto out = b.sink("out");
        b.builder.connect(in, 0, out, 0);
        b.builder.connect(in, 1, out, 0);
        CHECK(has(b.refusal(), "'out' is connected twice"));
    }
    SECTION("ports that do not exist") {
        Build b;
        b.builder.connect(b.source("in"), 1, b.sink("out"), 0);
        CHECK(has(b.refusal(), "'in' has no output 1"));
        Build c;
        c.builder.connect(c.source("in"), 0, c.sink("out"), -1);
        CHECK(has(c.refusal(), "'out' has no input -1"));
        Build d;
        d.builder.connect(d.source("in"), 0, Node{7}, 0);
        CHECK_FALSE(d.refusal().empty());
    }
}

TEST_CASE("graph: without a source nothing can run", "[pipeline]") {
    Build b;
    CHECK(has(b.refusal(), "no source"));
    Build c;
    const auto first = c.pass("first");
    c.builder.connect(first, 0, first, 0);
    CHECK(has(c.refusal(), "no source"));
    Build d;
    d.builder.add_stage("idle", test::pass(), 0, 1);
    CHECK(has(d.refusal(), "'idle'"));
    Build e;
    e.builder.add_source("null", nullptr, 1);
    CHECK(has(e.refusal(), "'null'"));
}

TEST_CASE("graph: a circle is refused, through edges as well", "[pipeline]") {
    Build b;
    const auto in = b.source("in");
    const auto join = b.builder.add_stage("join", test::pass(), 2, 1);
    const auto back = b.pass("back");
    b.builder.connect(in, 0, join, 0, EdgeOptions{});
    b.builder.connect(join, 0, back, 0, EdgeOptions{});
    b.builder.connect(back, 0, join, 1, EdgeOptions{});
    CHECK(has(b.refusal(), "circle"));
}

TEST_CASE("graph: two lanes that feed each other are refused, they could wait for each other",
          "[pipeline]") {
    Build b;
    const auto in = b.source("in");
    const auto split = b.pass("split");
    const auto work = b.pass("work");
    const auto join = b.sink("join", 2);
    b.builder.connect(in, 0, split, 0, EdgeOptions{});
    b.builder.connect(split, 0, join, 0);
    b.builder.connect(split, 0, work, 0, EdgeOptions{});
    b.builder.connect(work, 0, join, 1, EdgeOptions{});
    CHECK(has(b.refusal(), "lanes feed each other"));
}

TEST_CASE("graph: an edge inside one lane is refused", "[pipeline]") {
    Build b;
    const auto in = b.source("in", 2);
    const auto out = b.sink("out", 2);
    b.builder.connect(in, 0, out, 0);
    b.builder.connect(in, 1, out, 1, EdgeOptions{.name = "shortcut"});
    CHECK(has(b.refusal(), "shortcut"));
}

TEST_CASE("graph: a stage called directly from two lanes is refused", "[pipeline]") {
    SECTION("two sources") {
        Build b;
        const auto out = b.sink("out", 2);
        b.builder.connect(b.source("left"), 0, out, 0);
        b.builder.connect(b.source("right"), 0, out, 1);
        const auto text = b.refusal();
        CHECK(has(text, "'left'"));
        CHECK(has(text, "'right'"));
    }
    SECTION("a source and an edge") {
        Build b;
        const auto out = b.sink("out", 2);
        b.builder.connect(b.source("left"), 0, out, 0);
        b.builder.connect(b.source("right"), 0, out, 1, EdgeOptions{});
        CHECK(has(b.refusal(), "from two lanes"));
    }
}

TEST_CASE("graph: an edge without room is refused", "[pipeline]") {
    Build b;
    b.builder.connect(
        b.source("in"), 0, b.sink("out"), 0, EdgeOptions{.name = "thin", .max_items = 0});
    CHECK(has(b.refusal(), "thin"));
}
