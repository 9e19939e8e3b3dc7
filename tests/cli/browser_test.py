#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""browser_test.py QFI SOURCE_FOLDER: reports of four kinds of campaigns, and of one whose names are hostile, open in
headless Chromium at desktop and phone width without a console message, all pictures drawn and nothing cut off.
QFI_SCREENSHOTS=FOLDER keeps pictures of the pages. Exit code 77: no Selenium or Chromium (scripts/check_packages.sh)."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
except ImportError:
    print("skipped: no python3-selenium")
    sys.exit(77)
driver_file, browser_file = shutil.which("chromedriver"), shutil.which("chromium")
if not driver_file or not browser_file:
    print("skipped: no Chromium with its driver")
    sys.exit(77)

qfi, source = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
demo = source / "campaigns/demo"
data = f"""model: {demo}/shapes.tflite
data: {{format: npy, images: {demo}/images.npy, labels: {demo}/labels.npy, select: {{first: 40}}}}
output: out
"""
campaigns = {
    "netlist": f"faults:\n  - {{kind: stuck_at, netlist: {source}/netlists/mul_adders.json, operators: [conv_2d]}}\n"
    "sample: {count: 800}\nverify: 0\n",
    "bits": "faults:\n  - {name: weights, kind: bit_flip, target: weights}\n"
    "  - {name: data, kind: bit_flip, target: data, stage: [output]}\nsample: {count: 8, scheme: bit}\n",
    "rates": "faults:\n  - {kind: bit_flip, target: weights}\nsample: {ber: [1.0e-4, 1.0e-3, 1.0e-2], draws: 8}\n",
    "paired": "faults:\n  - {kind: bit_flip, target: weights}\nsample: {count: 5, scheme: bit}\ndesign: paired\n",
}
pictures = {"netlist": 5, "bits": 16, "rates": 4, "paired": 7}  # one of them the overview of two sets, or of rates
hostile = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>`touch taken`"
widths = {"desktop": 1280, "phone": 390}


def command(*arguments, folder):
    subprocess.run([qfi, *map(str, arguments)], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def make_pages(folder):
    for name, text in campaigns.items():
        (folder / f"{name}.yaml").write_text(data + text, encoding="utf-8")
        command("campaign", f"{name}.yaml", "-o", name, "-q", folder=folder)
        rtl = ["--rtl", source / "rtl/qfi_mul.sv"] if name == "netlist" else []
        command("report", f"{name}/results.json", "-o", f"{name}.html", "--title", name, *rtl, folder=folder)
    results = json.loads((folder / "netlist/results.json").read_text(encoding="utf-8"))
    results["inputs"]["model"]["file"] = results["fault_sets"][0]["name"] = hostile
    for fault in results["fault_sets"][0]["faults"]:
        fault["site"] = fault["region"] = hostile
        fault["sources"] = [hostile + ":3"]
    (folder / "hostile.json").write_text(json.dumps(results), encoding="utf-8")
    command("report", "hostile.json", "-o", "hostile.html", "--title", "hostile", folder=folder)
    command("report", *(f"{name}/results.json" for name in campaigns), "-o", "all.html", "--title", "all",
            folder=folder)


def open_browser(width):
    options = webdriver.ChromeOptions()
    options.binary_location = browser_file
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.add_experimental_option(
        "mobileEmulation", {"deviceMetrics": {"width": width, "height": 900, "pixelRatio": 1.0}})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(driver_file, log_path=os.devnull), options=options)


def check(condition, message):
    if not condition:
        print(f"FAILED: {message}")
        sys.exit(1)


def check_page(browser, page, kind, width):
    name = page.stem
    where = f"{name}, {kind}"
    browser.get(page.as_uri())
    state = browser.execute_script("""
        const images = [...document.images];
        return {title: document.title, overflow: document.documentElement.scrollWidth - window.innerWidth,
                scripts: document.scripts.length, images: images.length,
                drawn: images.filter(i => i.complete && i.naturalWidth > 0 && i.clientWidth > 0).length,
                described: images.filter(i => i.alt.length > 20).length,
                letters: Math.min(...images.map(i => 13 * i.clientWidth / i.naturalWidth)),
                text: document.body.innerText.length, width: window.innerWidth}""")
    messages = browser.get_log("browser")
    check(not messages, f"{where}: console: {messages}")
    check(state["title"] == name, f"{where}: title {state['title']}")
    check(state["scripts"] == 0, f"{where}: scripts")
    check(state["width"] == width, f"{where}: the window is {state['width']} wide")
    check(state["overflow"] <= 0, f"{where}: {state['overflow']} pixels wider than the window")
    check(state["drawn"] == state["described"] == state["images"], f"{where}: pictures: {state}")
    check(state["images"] == pictures.get(name, state["images"]), f"{where}: {state['images']} pictures")
    check(state["images"] > 0 and state["text"] > 500, f"{where}: empty: {state}")
    if name == "netlist":
        lines = browser.execute_script("""return [...document.querySelectorAll('.source tbody tr')]
            .filter(r => r.className).map(r => [r.innerText, r.clientHeight])""")
        check(len(lines) >= 4, f"{where}: {len(lines)} lines of RTL with faults")
        check(all(height < 32 for _, height in lines), f"{where}: a line of RTL is broken: {lines}")
        check(any("low_low  = a_low  * b_low;" in text for text, _ in lines), f"{where}: {lines}")
    check(state["letters"] >= 9, f"{where}: letters of {state['letters']:.1f} pixels in pictures")
    if folder := os.environ.get("QFI_SCREENSHOTS"):
        height = browser.execute_script("return document.documentElement.scrollHeight")
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        browser.save_screenshot(os.path.join(folder, f"{name}_{kind}.png"))


with tempfile.TemporaryDirectory() as temporary:
    folder = pathlib.Path(temporary)
    make_pages(folder)
    check(not list(folder.rglob("taken")), "a command from a name was run")
    for kind, width in widths.items():
        browser = open_browser(width)
        try:
            for page in sorted(folder.glob("*.html")):
                check_page(browser, page, kind, width)
        finally:
            browser.quit()
print("all pages are as they should be")
