package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/xuri/excelize/v2"
)

// What does not fit on a sheet is on the next, under the same header.
func TestSheetsFollowEachOther(t *testing.T) {
	t.Parallel()
	const most, rows = 4, 8 // with the header: 3, 3 and 2 rows
	var out bytes.Buffer
	made, err := newXLSX(&out, []column{{name: "n", number: true}})
	if err != nil {
		t.Fatal(err)
	}
	made.(*xlsxTable).most = most //nolint:forcetypeassert // newXLSX makes it
	for i := range rows {
		if err := made.row([]cell{{value: json.Number(fmt.Sprint(i)), number: true}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := made.end(); err != nil {
		t.Fatal(err)
	}
	file, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got := ""
	for _, sheet := range file.GetSheetList() {
		all, err := file.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		got += fmt.Sprint(sheet, all, " ")
	}
	if want := "Sheet1[[n] [0] [1] [2]] Sheet2[[n] [3] [4] [5]] Sheet3[[n] [6] [7]] "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
