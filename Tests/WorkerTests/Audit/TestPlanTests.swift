import Bytes
@testable import Executors
@testable import Sandbox
import Testing

@Suite("A test command")
struct TestPlanTests {
    private static func plan(_ text: String, files: [String: String] = [:]) -> TestPlan {
        TestPlan(text) { path in files[path.text].map { Array($0.utf8) } }
    }

    @Test(
        "names its runner",
        arguments: [
            ("pytest", TestRunner.pytest), ("python -m pytest -q tests", .pytest), ("python3.12 -m pytest", .pytest),
            ("PYTHONPATH=. A=b poetry run pytest", .pytest), ("timeout -k 5 60 uv run pytest", .pytest),
            ("./venv/bin/pytest", .pytest), ("coverage run -m pytest", .pytest), ("cd x && pytest; echo done", .pytest),
            ("sh -c 'pytest -q'", .pytest), ("pytest 2>&1 | tee log", .pytest), ("python -m unittest -v", .unittest),
            ("python3 -m unittest discover", .unittest), ("node --test", .node), ("node --test tests/", .node),
            ("node --test-reporter=spec --test", .node), ("npx jest", .jest), ("npx --yes jest --ci", .jest),
            ("node_modules/.bin/jest", .jest), ("node --experimental-vm-modules node_modules/jest/bin/jest.js", .jest),
            ("mocha", .mocha), ("npx mocha --reporter tap", .tap), ("mocha -R tap", .tap), ("go test ./...", .go),
            ("cargo test", .cargo), ("cargo +nightly --locked test --workspace", .cargo), ("swift test", .swift),
            ("prove -r t", .prove), ("perl t/a.t", .tap), ("sh tests.tap", .tap), ("./run --tap", .tap),
            ("bats test", .tap),
            ("'py'\"test\"", .pytest), ("pyt\\est", .pytest), ("echo jest is fine; pytest", .pytest),
            ("yarn jest", .jest),
            ("pytest a && pytest b", .pytest), ("# jest\npytest", .pytest), ("! pytest", .pytest),
        ])
    func runner(text: String, runner: TestRunner) {
        #expect(Self.plan(text).runner?.kind == runner)
    }

    @Test(
        "that names none, or several, is judged by its exit code",
        arguments: [
            "make check", "echo pytest", "pytest && jest", "cargo test; go test", "cargo build", "go vet",
            "swift build", "",
            "'pytest; jest", "cat jest", "./run.sh", "npm test", "npm ci", "node index.js", "python script.py",
            "sh -c 'pytest && go test'", "ls mocha", "\\", "\"", "()", "npm run", "env", "cd",
        ])
    func none(text: String) {
        #expect(Self.plan(text).runner == nil)
    }

    @Test("of npm is looked up in package.json")
    func scripts() {
        let json = #"{"scripts":{"test":"npm run unit","unit":"mocha","loop":"npm run loop","two":"jest && mocha"}}"#
        let files = ["package.json": json, "web/package.json": #"{"scripts":{"test":"jest --ci","jest":"mocha"}}"#]
        for (text, runner) in [
            ("npm test", TestRunner.mocha), ("npm t", .mocha), ("npm --silent run unit -- --ci", .mocha),
            ("cd web && npm ci && npm test", .jest), ("cd web; yarn jest", .mocha), ("yarn test", .mocha),
            ("pnpm unit", .mocha), ("npm exec jest", .jest),
        ] {
            #expect(Self.plan(text, files: files).runner?.kind == runner, "\(text)")
        }
        for text in ["npm run loop", "npm run two", "npm run none", "cd web && cd .. && npm test"] {
            #expect(Self.plan(text, files: files).runner == nil, "\(text)")
        }
        for bad in ["", "{", "[]", #"{"scripts":[]}"#, #"{"scripts":{"test":1}}"#, #"{"scripts":{"test":""}}"#] {
            #expect(Self.plan("npm test", files: ["package.json": bad]).runner == nil, "\(bad)")
        }
    }

    @Test("says whether go prints each test")
    func verbose() {
        #expect(Self.plan("go test -v ./...").runner?.isVerbose == true)
        #expect(Self.plan("go test -json ./...").runner?.isVerbose == true)
        #expect(Self.plan("go test ./...").runner?.isVerbose == false)
        #expect(Self.plan("go test -v a; go test b").runner?.isVerbose == false)
    }

    @Test(
        "names its report",
        arguments: [
            ("pytest --junitxml=out/r.xml", "out/r.xml"), ("pytest --junit-xml r.xml", "r.xml"),
            ("cd a && pytest --junitxml=./r.xml", "a/r.xml"), ("pytest --junitxml=/work/r.xml", "r.xml"),
            ("jest --outputFile=r.xml", "r.xml"), ("MOCHA_FILE=r.xml mocha", "r.xml"),
            ("swift test --xunit-output r.xml", "r.xml"),
            ("mocha --reporter-options mochaFile=r.xml,x=y", "r.xml"),
            ("mocha --reporter-option=mochaFile=a/r.xml", "a/r.xml"),
            ("node --test --test-reporter=junit --test-reporter-destination=r.xml", "r.xml"),
            ("gotestsum --junitfile r.xml", "r.xml"),
        ])
    func report(text: String, path: String) {
        #expect(Self.plan(text).report?.text == path)
    }

    @Test(
        "names no report outside of its folder",
        arguments: [
            "pytest --junitxml=../r.xml", "pytest --junitxml=/etc/passwd", "pytest --junitxml=", "pytest --junitxml",
            "cd .. && pytest --junitxml=r.xml", "jest --outputFile=r.json",
            "node --test --test-reporter-destination stdout",
            "pytest --junitxml=a/../../b", "echo --junitxml",
        ])
    func noReport(text: String) {
        #expect(Self.plan(text).report == nil)
    }

    @Test("with a report and a summary is judged by the worse")
    func worse() {
        let plan = Self.plan("pytest --junitxml=r.xml")
        func verdict(_ xml: String?, _ printed: TestCounts?) -> [Int] {
            let verdict = plan.verdict(exitCode: 1, printed: printed) { _ in xml.map { Array($0.utf8) } }.0
            return [verdict.passed, verdict.total]
        }
        let good = "<testsuite tests='9'/>", bad = "<testsuite tests='9' failures='5'/>"
        #expect(verdict(good, TestCounts(passed: 1, failed: 3)) == [1, 4])
        #expect(verdict(bad, TestCounts(passed: 9)) == [4, 9] && verdict(good, nil) == [8, 9])
        #expect(verdict(nil, TestCounts(passed: 1, failed: 3)) == [1, 4] && verdict(nil, nil) == [0, 1])
        #expect(verdict("", TestCounts(passed: 9)) == [8, 9])
    }

    @Test(
        "gets the counts of a JUnit file",
        arguments: [
            ("<testsuite tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\"></testsuite>", [1, 2, 1]),
            (
                "<?xml version='1.0'?>\n<!-- <testsuite tests='9'/> --><testsuites tests='9'><testsuite name='a>b' tests='2'>"
                    + "<testcase/><testcase><failure><![CDATA[<testsuite tests='9'/>]]></failure></testcase></testsuite>"
                    + "<testsuite failures='1' tests='1'/></testsuites>", [2, 1, 0]
            ), ("<testsuite tests='3'><testsuite tests='2'/><testsuite tests='1'/></testsuite>", [3, 0, 0]),
            ("<testsuite tests='1' failures='9' skipped='9'/>", [0, 1, 0]),
            ("<testsuite\n tests = '0'\n/>", [0, 0, 0]),
        ])
    func junit(text: String, counts: [Int]) {
        let expected = TestCounts(passed: counts[0], failed: counts[1], skipped: counts[2])
        #expect(JUnitReport.counts(in: Array(text.utf8)) == expected)
    }

    @Test(
        "gets nothing from what is no JUnit file",
        arguments: [
            "", "x", "<", "</", "<testsuite", "<testsuite tests", "<testsuite tests=", "<testsuite tests='1",
            "<testsuite/>",
            "<testsuite tests='-1'/>", "<testsuite tests='x'/>",
            "<testsuite tests='1' failures='99999999999999999999'/>",
            "<testsuite tests='1'>", "<a></b>", "<!DOCTYPE a []><testsuite tests='1'/>", "<testsuite tests=1/>",
            "<!-- <testsuite tests='1'/>", "<a>&lt;testsuite tests='1'/></a>", "<testcase tests='1'/>", "<?x", "<!",
            "</testsuite>", "<testsuite tests='1'/></a>",
        ])
    func noJUnit(text: String) {
        #expect(JUnitReport.counts(in: Array(text.utf8)) == nil)
    }
}
