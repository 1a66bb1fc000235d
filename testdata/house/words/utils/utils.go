package utils // want: uses the word "utils"
